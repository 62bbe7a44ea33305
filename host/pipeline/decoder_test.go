// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// lineKernels read and write files with a number on each line.
func lineKernels() []kernel.Kernel {
	return []kernel.Kernel{
		{Name: "read_lines", Compartment: kernel.Data, Transforms: true, ReadsFile: true, New: func(s *kernel.Setup) (kernel.Instance, error) { return lineReader{s}, nil }},
		{Name: "write_lines", Compartment: kernel.Data, Transforms: true, WritesFile: true, New: func(s *kernel.Setup) (kernel.Instance, error) { return lineWriter{s}, nil }},
	}
}

type lineReader struct{ setup *kernel.Setup }

func (l lineReader) Transform(_ context.Context, _ *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	f, err := l.setup.File("input")
	if err != nil {
		return nil, err
	}
	values := array.NewInt64Builder(out.Allocator())
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var x int64
		if _, err := fmt.Sscan(lines.Text(), &x); err != nil {
			return nil, diag.Errorf("Line without a number", "%q is none.", lines.Text())
		}
		values.Append(x)
	}
	column := values.NewArray()
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	return nil, out.Write(array.NewRecordBatch(schema, []arrow.Array{column}, int64(column.Len())))
}

type lineWriter struct{ setup *kernel.Setup }

func (l lineWriter) Transform(_ context.Context, in *kernel.Reader, _ *kernel.Writer) (kernel.Report, error) {
	f, err := l.setup.File("output")
	if err != nil {
		return nil, err
	}
	return nil, in.Each(func(b arrow.RecordBatch) error {
		for _, x := range b.Column(0).(*array.Int64).Int64Values() {
			if _, err := fmt.Fprintln(f, x); err != nil {
				return err
			}
		}
		l.setup.Drop(b.NumRows())
		return nil
	})
}

func TestDecoder(t *testing.T) {
	for name, shared := range map[string]bool{"messages": false, "shared memory": true} {
		t.Run(name, func(t *testing.T) {
			d := Decoder{Kernels: newPlane(t, shared), Plugin: TablesPlugin}
			path := filepath.Join(t.TempDir(), "lines")
			out, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			batch := resultOf("x").Nodes[1].Table()
			if err := d.Write(context.Background(), "write_lines", nil, out, batch.Schema(), batch.Batches(context.Background())); err != nil {
				t.Fatal(err)
			}
			in, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var rows int64
			err = d.Read(context.Background(), "read_lines", nil, in, dataplane.Output{Batch: func(p dataplane.Part) error {
				rows += p.Batch.NumRows()
				return nil
			}})
			if err != nil || rows != batch.Rows() {
				t.Errorf("%d rows, error %v", rows, err)
			}
			if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			again, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			err = d.Read(context.Background(), "read_lines", nil, again, dataplane.Output{})
			if e, ok := errors.AsType[*diag.Diagnostic](err); !ok || !strings.Contains(e.Error(), "without a number") {
				t.Errorf("error %v", err)
			}
		})
	}
	if err := (Decoder{Kernels: &lab{}, Plugin: "absent"}).Read(context.Background(), "x", nil, nil, dataplane.Output{}); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("error %v", err)
	}
}
