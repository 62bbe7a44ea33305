// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// AB is what a node of KindAB compares: the tables of its two inputs, arm a and
// arm b.
type AB struct {
	Mode abtest.Mode `json:"mode"`
	// Split of the rows; its Share and Key count in mode split only.
	Split abtest.Split `json:"split"`
	// Label and Prediction are columns of the output, or empty.
	Label      string `json:"label,omitempty"`
	Prediction string `json:"prediction,omitempty"`
	// Holdout is a share of the rows from which no arm learns; with one, metrics
	// are of these rows alone.
	Holdout float64 `json:"holdout,omitempty"`
	// Metrics are names of abtest.Metrics; empty takes those that fit the columns.
	Metrics []string `json:"metrics,omitempty"`
	// Columns that are compared; empty is all of them.
	Columns []string `json:"columns,omitempty"`
	// Alpha and MinRows; zeros take the defaults of package abtest.
	Alpha   float64 `json:"alpha,omitempty"`
	MinRows int64   `json:"min_rows,omitempty"`
}

// Arm makes a kernel node one of the two inputs of a node of KindAB.
type Arm struct {
	Name abtest.Arm `json:"arm"`
	// Split says which rows of its input it gets; nil is all of them.
	Split *abtest.Split `json:"split,omitempty"`
	// Holdout says which rows it does not learn from: those of arm b; nil is none.
	Holdout *abtest.Split `json:"holdout,omitempty"`
	// Tolerated: when it fails the run goes on, and so does the comparison, which
	// tells of it.
	Tolerated bool `json:"tolerated,omitempty"`
}

// rowColumn is the last column of the table of an arm: the number of the row in
// the input of the comparison, from 0, by which the rows of both arms are put in
// order. It is null where the kernel does not tell.
const rowColumn = "bulkhead.row"

// HoldoutOf says which rows are held out, as those of arm b, by the number of the
// row; nil for none.
func (o *AB) HoldoutOf() *abtest.Split {
	if o.Holdout == 0 {
		return nil
	}
	return &abtest.Split{Name: o.Split.Name + " holdout", Seed: o.Split.Seed, Share: o.Holdout}
}

func (n *node) tolerated() bool { return n.Arm != nil && n.Arm.Tolerated }

// inputs are the nodes that n reads: none, one, or the two arms.
func (n *node) inputs() []*node {
	switch {
	case n.input == nil:
		return nil
	case n.second == nil:
		return []*node{n.input}
	}
	return []*node{n.input, n.second}
}

// checkAB looks at a comparison alone.
func (n *Node) checkAB() []*Problem {
	var problems []*Problem
	add := func(summary, format string, args ...any) {
		problems = append(problems, problemf(n.Name, summary, format, args...))
	}
	if n.AB == nil || len(n.Inputs) != 2 {
		add("Comparison without two arms", "A comparison has two inputs, arm a and arm b.")
		return problems
	}
	if n.AB.Mode != abtest.ModeSplit && n.AB.Mode != abtest.ModeShadow {
		add("Unknown mode", "%q is neither split nor shadow.", n.AB.Mode)
	}
	if s := n.AB.Split.Share; n.AB.Mode == abtest.ModeSplit && !(s > 0 && s < 1) {
		add("Share that leaves an arm empty", "A share of %v sends no row to one of the arms. Take one between 0 and 1.", s)
	}
	if h := n.AB.Holdout; h != 0 && !(h > 0 && h < 1) {
		add("Holdout that leaves nothing", "A holdout of %v leaves no rows to learn from or none to measure. Take one between 0 and 1.", h)
	}
	for _, name := range n.AB.Metrics {
		if !slices.Contains(abtest.Metrics, name) {
			add("Unknown metric", "%q is none of %s.", name, strings.Join(abtest.Metrics, ", "))
		}
	}
	if (n.AB.Label == "") != (n.AB.Prediction == "") || len(n.AB.Metrics) > 0 && n.AB.Label == "" {
		add("Label and prediction", "A metric compares a label with a prediction. Name both columns, or none of them.")
	}
	return problems
}

// connectAB finds the two arms of a comparison, which read one table.
func (p *Plan) connectAB(n *node) []*Problem {
	if len(n.Inputs) != 2 {
		return nil // reported
	}
	a, b := p.byName[n.Inputs[0]], p.byName[n.Inputs[1]]
	for i, arm := range []*node{a, b} {
		switch {
		case arm == nil:
			return []*Problem{problemf(n.Name, "Unknown input", "There is no node %q.%s", n.Inputs[i], p.suggest(n.Inputs[i])).at("input")}
		case arm.Arm == nil || arm.Arm.Name != abtest.Arm(i) || !arm.transforms():
			return []*Problem{problemf(n.Name, "Arm without a table", "%s does not transform, so there is nothing to compare. Use a kernel that writes rows.", arm.Name).at("input")}
		}
	}
	if !slices.Equal(a.Inputs, b.Inputs) {
		return []*Problem{problemf(n.Name, "Arms with two inputs", "%s and %s read different tables. Both arms of a comparison read the same one.", a.Name, b.Name).at("input")}
	}
	n.input, n.second = a, b
	for _, arm := range []*node{a, b} {
		arm.consumers = append(arm.consumers, n)
		arm.public.Consumers = append(arm.public.Consumers, n.Name)
	}
	return nil
}

// expectAB knows the columns of a comparison when both arms tell theirs.
func (n *node) expectAB() {
	if n.input.schema != nil && n.second.schema != nil && len(n.differences(n.input.schema, n.second.schema)) == 0 || n.AB.Mode == abtest.ModeShadow {
		n.schema = n.input.schema
	}
	if n.schema != nil {
		n.public.Columns = columnsOf(n.schema)
	}
	n.rows = -1
	if n.input.Description.GetRowWise() && n.second.Description.GetRowWise() {
		n.rows = n.input.input.rows
	}
}

// compareSchemas refuses comparisons that cannot come to an end, as far as columns
// are known before the run.
func (p *Plan) compareSchemas() (problems []*Problem) {
	for _, n := range p.nodes {
		if n.Kind != KindAB {
			continue
		}
		if in := n.input.input.schema; in != nil {
			if err := n.keys(in); err != nil {
				problems = append(problems, callProblem(n.Name, err))
			}
		}
		if a, b := n.input.schema, n.second.schema; a != nil && b != nil {
			if err := n.comparable(a, b); err != nil {
				problems = append(problems, callProblem(n.Name, err))
			}
		}
	}
	return problems
}

// keys checks that the columns are there by which rows are split.
func (n *node) keys(in *arrow.Schema) error {
	if n.AB.Mode != abtest.ModeSplit {
		return nil
	}
	_, err := keyColumns(n.AB.Split, in)
	return err
}

// keyColumns are the places of the key columns.
func keyColumns(s abtest.Split, in *arrow.Schema) ([]int, error) {
	var out []int
	for _, name := range s.Key {
		at := in.FieldIndices(name)
		if len(at) != 1 {
			return nil, &LimitError{"Unknown key column", fmt.Sprintf("The input has no column %q to split rows by. It has %s.", name, namesOf(in))}
		}
		if !keyable(in.Field(at[0]).Type) {
			return nil, &LimitError{"Key that cannot be split by", fmt.Sprintf("Column %q is of type %s. A key is an integer, a number, a text, a bool or a time.", name, in.Field(at[0]).Type)}
		}
		out = append(out, at[0])
	}
	return out, nil
}

func keyable(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.LIST, arrow.FIXED_SIZE_LIST, arrow.BINARY:
		return false
	}
	return true
}

func namesOf(s *arrow.Schema) string {
	const shown = 20
	var out []string
	for i, f := range s.Fields() {
		if i == shown {
			out = append(out, "...")
			break
		}
		out = append(out, f.Name)
	}
	return strings.Join(out, ", ")
}

// comparable checks the outputs of both arms: in mode split they become one table.
func (n *node) comparable(a, b *arrow.Schema) error {
	if d := n.differences(a, b); len(d) > 0 && n.AB.Mode == abtest.ModeSplit {
		return &LimitError{"Arms that write different columns", strings.Join(d, " ") + " In mode split both arms make one table; take mode = \"shadow\" to compare such kernels."}
	}
	for _, name := range append([]string{n.AB.Label, n.AB.Prediction}, n.AB.Columns...) {
		for arm, s := range []*arrow.Schema{a, b} {
			if name != "" && !s.HasField(name) {
				return &LimitError{"Unknown column", fmt.Sprintf("Arm %s writes no column %q. It writes %s.", abtest.Arm(arm), name, namesOf(s))}
			}
		}
	}
	return nil
}

// differences says what is not the same about the columns of both arms.
func (n *node) differences(a, b *arrow.Schema) (out []string) {
	for _, f := range a.Fields() {
		g, ok := b.FieldsByName(f.Name)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("Arm a alone writes column %q.", f.Name))
		case !arrow.TypeEqual(f.Type, g[0].Type):
			out = append(out, fmt.Sprintf("Column %q is %s in arm a and %s in arm b.", f.Name, f.Type, g[0].Type))
		}
	}
	for _, g := range b.Fields() {
		if !a.HasField(g.Name) {
			out = append(out, fmt.Sprintf("Arm b alone writes column %q.", g.Name))
		}
	}
	if len(out) == 0 && !slices.EqualFunc(a.Fields(), b.Fields(), func(f, g arrow.Field) bool { return f.Name == g.Name }) {
		out = append(out, "The arms write their columns in different orders.")
	}
	return out
}

// withRows is a schema with the number of the row behind its columns.
func withRows(s *arrow.Schema) (*arrow.Schema, error) {
	if s.HasField(rowColumn) {
		return nil, &LimitError{"Reserved column", fmt.Sprintf("The kernel writes a column %q, which the host needs to put the rows of arms in order. Rename it.", rowColumn)}
	}
	meta := s.Metadata()
	return arrow.NewSchema(append(slices.Clone(s.Fields()), arrow.Field{Name: rowColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true}), &meta), nil
}

// roleOf is what a column is for, as its source says.
func roleOf(f arrow.Field) string {
	role, _ := f.Metadata.GetValue(table.RoleKey)
	return role
}
