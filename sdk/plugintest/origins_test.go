// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// teller is a copier that says where its rows come from.
type teller struct {
	copier
	setup   *kernel.Setup
	origins func(in *kernel.Reader, b arrow.RecordBatch) []int64
	aside   []int64
}

func (c *teller) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	for _, row := range c.aside {
		c.setup.Reject(kernel.Rejected{Row: row, Rule: "x"})
	}
	return nil, in.Each(func(b arrow.RecordBatch) error {
		if len(c.aside) > 0 {
			return nil
		}
		return out.WriteFrom(b, c.origins(in, b))
	})
}

// TestOrigins: what a kernel says of its rows is held against those that it read.
func TestOrigins(t *testing.T) {
	from := func(f func(row int64) int64) func(*kernel.Reader, arrow.RecordBatch) []int64 {
		return func(in *kernel.Reader, b arrow.RecordBatch) (out []int64) {
			for i := range b.NumRows() {
				out = append(out, f(in.Row()+i))
			}
			return out
		}
	}
	for name, tt := range map[string]struct {
		origins func(*kernel.Reader, arrow.RecordBatch) []int64
		aside   []int64
		want    string
	}{
		"their own":     {from(func(row int64) int64 { return row }), nil, ""},
		"all the first": {from(func(int64) int64 { return 0 }), nil, "origins rise"},
		"below zero":    {from(func(row int64) int64 { return row - 1 }), nil, "it writes row -1"},
		"falling":       {from(func(row int64) int64 { return 59 - row }), nil, "origins rise"},
		"beyond":        {from(func(row int64) int64 { return 1 << 40 }), nil, "of 60 that it was sent"},
		"the second":    {from(func(row int64) int64 { return row + 1 }), nil, "it writes row 60"},
		"aside twice":   {nil, []int64{3, 3}, "it puts row 3 aside"},
		"aside beyond":  {nil, []int64{60}, "it puts row 60 aside"},
		"aside below":   {nil, []int64{-1}, "it puts row -1 aside"},
	} {
		p := sound()
		p.kernel.New = func(s *kernel.Setup) (kernel.Instance, error) {
			c := &teller{setup: s, origins: tt.origins, aside: tt.aside}
			return c, s.Config(&c.settings)
		}
		b := &bench{ctx: t.Context(), subject: p.subject(), seed: 1}
		instance, kernels, err := b.kernels()
		if err != nil {
			t.Fatal(err)
		}
		s := samples()[0]
		_, out, err := b.run(instance, kernels[slices.IndexFunc(b.description.Kernels, func(k *pluginv1.KernelDescription) bool { return k.GetName() == "copy" })], s.batches, s.schema)
		if err != nil {
			t.Fatal(err)
		}
		err = out.origins(s.rows)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		b.close()
	}
}
