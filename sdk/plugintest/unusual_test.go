// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// choosy takes tables of two columns only, which no sample has.
type choosy struct {
	learner
	schema *arrow.Schema
}

func (c *choosy) Validate() error {
	if c.schema.NumFields() != 2 || !c.schema.HasField("price") || !c.schema.HasField("size") {
		return diag.Errorf("Other columns", "It takes a price and a size.")
	}
	return nil
}

// Load refuses, too, since Validate was asked before.
func (c *choosy) Load(state []byte) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return c.learner.Load(state)
}

// TestUnusualPluginsPass: what is honest and rare breaks no rule, and a rule that
// was not tried has not passed.
func TestUnusualPluginsPass(t *testing.T) {
	p := sound()
	made := func(s *kernel.Setup) (kernel.Instance, error) {
		c := &choosy{schema: s.Schema}
		return c, c.Validate()
	}
	p.kernel = kernel.Kernel{Name: "one", Compartment: kernel.Data, Fits: true, Transforms: true, New: made}
	p.learner = kernel.Kernel{Name: "two", Compartment: kernel.Data, Fits: true, Transforms: true, New: made}
	r := RunWith(t.Context(), p.subject(), Options{})
	if got := failures(r); len(got) > 0 {
		t.Errorf("fails %v", got)
	}
	for _, name := range []string{"kernel/rows-add-up", "kernel/same-every-time", "kernel/state-travels", "kernel/broken-state", "kernel/row-wise", "kernel/broken-settings"} {
		i := slices.IndexFunc(r.Cases, func(c Case) bool { return c.Name == name })
		if c := r.Cases[i]; c.Status != Skipped || !strings.HasPrefix(c.Detail, "2 kernels: ") || strings.Contains(c.Detail, "; ") && !strings.Contains(c.Detail, "refused; ") {
			t.Errorf("%+v", c)
		}
	}
}

// TestFixtureOfAChoosyKernel: fixtures hold such a kernel to its own tables.
func TestFixtureOfAChoosyKernel(t *testing.T) {
	p := sound()
	p.learner.New = func(s *kernel.Setup) (kernel.Instance, error) {
		c := &choosy{schema: s.Schema}
		return c, c.Validate()
	}
	in := `{"columns": [{"name": "price", "type": "float64", "values": [1]}, {"name": "size", "type": "int8", "values": [1]}]}`
	dir := fixtureDir(t, map[string]string{"a.json": `{"kernel": "learn", "input": ` + in + `, "expect": {"output": ` + in + `}}`})
	r := RunWith(t.Context(), p.subject(), Options{Only: []string{"fixture"}, Fixtures: dir})
	if len(failures(r)) > 0 {
		t.Errorf("%+v", r.Cases)
	}
}
