// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// comparison is one run of an ab node.
type comparison struct {
	node    *node
	run     *runner
	arms    [2]*NodeResult
	design  abtest.Design
	collect *abtest.Collector
	schema  []string         // differences
	hold    *abtest.Assigner // nil when no row is held out
	out     *outlet
	tell    func(arrow.RecordBatch)
}

// compare makes one table of those of two arms, and says how they differ.
func (w *worker) compare(ctx context.Context, n *node) error {
	began := time.Now()
	c := &comparison{node: n, run: w.run, arms: [2]*NodeResult{w.run.of(n.input), w.run.of(n.second)}}
	a, b := newArmReader(ctx, w.in.table), newArmReader(ctx, w.in.second)
	defer a.close()
	defer b.close()
	out, err := c.begin(a, b)
	if err != nil {
		return err
	}
	c.out = w.run.outlet(ctx, w.unit, nil)
	defer c.out.drop()
	if c.failed() {
		c.out.draft.abort() // the next run tries the arm again
		c.out.draft = nil
	}
	g := w.gauge("transform")
	c.tell = func(batch arrow.RecordBatch) {
		if p, due := g.take(batch); due {
			w.tell(p)
		}
	}
	if err := c.out.declare(out); err != nil {
		return err
	}
	if err := c.rows(a, b); err != nil {
		return err
	}
	if err := c.conclude(began); err != nil {
		return err
	}
	w.tell(g.end())
	return c.out.finish()
}

// failed reports whether there is no arm b.
func (c *comparison) failed() bool { return c.arms[abtest.B].Status != OK }

// begin settles what is compared, and the columns of the output.
func (c *comparison) begin(a, b *armReader) (*arrow.Schema, error) {
	out := a.schema
	if out == nil && c.node.AB.Mode == abtest.ModeSplit {
		out = b.schema
	}
	if out == nil {
		return nil, &LimitError{"Input without rows", fmt.Sprintf("%s wrote no batch, so its columns are not known. Look at why it dropped every row.", c.node.input.Name)}
	}
	other := b.schema
	if other == nil || a.schema == nil {
		other = out
	}
	if err := c.node.comparable(out, other); err != nil {
		return nil, err
	}
	c.schema = c.node.differences(out, other)
	c.design = c.node.AB.design(out, other)
	c.design.Seen = c.node.AB.Holdout == 0 && (c.node.input.fits() || c.node.second.fits())
	if h := c.node.AB.HoldoutOf(); h != nil {
		c.hold = h.Assigner()
	}
	c.collect = abtest.NewCollector(c.design)
	return out, nil
}

// design says what of two tables is compared: columns of one kind in both.
func (o *AB) design(a, b *arrow.Schema) abtest.Design {
	d := abtest.Design{Mode: o.Mode, Split: o.Split, Alpha: o.Alpha, MinRows: o.MinRows, Metrics: o.Metrics}
	for _, f := range a.Fields() {
		g, ok := b.FieldsByName(f.Name)
		if ok && kindOf(f.Type) == kindOf(g[0].Type) && o.wants(f) {
			d.Columns = append(d.Columns, abtest.Column{Name: f.Name, Kind: kindOf(f.Type)})
		}
	}
	if o.Label != "" && len(d.Metrics) == 0 {
		label, prediction := fieldOf(a, o.Label), fieldOf(a, o.Prediction)
		d.Metrics = abtest.MetricsFor(abtest.Column{Kind: kindOf(label.Type)}, abtest.Column{Kind: kindOf(prediction.Type)}, label.Type.ID() == arrow.BOOL)
	}
	return d
}

func fieldOf(s *arrow.Schema, name string) arrow.Field { return s.Field(s.FieldIndices(name)[0]) }

// wants reports whether a column is compared. Without a choice all are but keys
// and labels, which do not come from the kernel.
func (o *AB) wants(f arrow.Field) bool {
	if len(o.Columns) > 0 {
		return slices.Contains(o.Columns, f.Name)
	}
	return f.Name != o.Label && !slices.Contains(o.Split.Key, f.Name) && roleOf(f) != table.RoleID && roleOf(f) != table.RoleTarget
}

// rows reads both tables and writes the one.
func (c *comparison) rows(a, b *armReader) error {
	one := c.run.of(c.node)
	emit := func(batch arrow.RecordBatch) error {
		batch = array.NewRecordBatch(c.out.schema, batch.Columns(), batch.NumRows()) // the metadata of arm a
		defer batch.Release()
		one.RowsOut, one.BytesOut = one.RowsOut+batch.NumRows(), one.BytesOut+edge.Size(batch)
		c.tell(batch)
		return c.out.cutter.Add(batch)
	}
	var err error
	switch {
	case c.node.AB.Mode == abtest.ModeSplit:
		err = c.split(a, b, emit)
	default:
		err = c.shadow(a, b, emit)
	}
	one.RowsIn, one.BytesIn = one.RowsOut, one.BytesOut
	return err
}

// split merges the arms; each row is one of arm a or of arm b.
func (c *comparison) split(a, b *armReader, emit func(arrow.RecordBatch) error) error {
	return merge(c.collecting(abtest.A, a), c.collecting(abtest.B, b), emit)
}

// collecting has the rows of an arm collected as their batches come.
func (c *comparison) collecting(arm abtest.Arm, r *armReader) *armReader {
	next := r.next
	r.next = func() (arrow.RecordBatch, error, bool) {
		batch, err, more := next()
		if err != nil || !more {
			return batch, err, more
		}
		if batch.Column(int(batch.NumCols())-1).NullN() > 0 {
			return nil, c.placeless(arm), true
		}
		c.take(arm, batch)
		return batch, nil, true
	}
	return r
}

// take collects the rows of a batch with their numbers.
func (c *comparison) take(arm abtest.Arm, batch arrow.RecordBatch) {
	reader, number := c.reader(batch), reading(batch.Column(int(batch.NumCols())-1))
	var row []abtest.Value
	for i := range batch.NumRows() {
		n := int64(number(int(i)).Number)
		row = reader.values(i, row)
		c.collect.Row(arm, n, row)
		if reader.label != nil && c.measured(n) {
			c.collect.Score(arm, n, reader.label(int(i)), reader.prediction(int(i)))
		}
	}
}

// measured reports whether a row counts for metrics.
func (c *comparison) measured(row int64) bool { return c.hold == nil || held(c.hold, row) }

// placeless is the error of an arm whose kernel does not tell where rows come
// from.
func (c *comparison) placeless(arm abtest.Arm) error {
	return &LimitError{"Rows without a place", fmt.Sprintf("The kernel of arm %s neither works row by row nor tells which rows its own come from, so the rows of both arms cannot be put in order. Compare it with mode = \"shadow\".", arm)}
}

// conclude makes the report of the node.
func (c *comparison) conclude(began time.Time) error {
	one := c.run.of(c.node)
	result := c.collect.Finish([2]abtest.ArmResult{c.arm(abtest.A), c.arm(abtest.B)}, c.latency(), c.schema)
	if c.failed() {
		note := problemf(c.node.Name, "Arm b failed", "%s. The run went on with arm a.", c.arms[abtest.B].Reason)
		note.Severity = SeverityWarning
		one.Problems = append(one.Problems, note)
	}
	report, err := json.Marshal(map[string]any{"ab": result})
	if err != nil {
		return fmt.Errorf("the comparison cannot be written: %w", err)
	}
	one.Transform = &Call{Report: report, Metrics: dataplane.Metrics{
		Wall: time.Since(began), RowsIn: one.RowsIn, RowsOut: one.RowsOut, BytesIn: one.BytesIn, BytesOut: one.BytesOut,
	}}
	return nil
}

// arm is what the run knows of an arm.
func (c *comparison) arm(arm abtest.Arm) abtest.ArmResult {
	r := c.arms[arm]
	out := abtest.ArmResult{
		Use: r.Use, RowsIn: r.RowsIn, RowsOut: r.RowsOut, RowsDropped: r.RowsDropped, RowsRejected: r.RowsRejected,
	}
	n := []*node{c.node.input, c.node.second}[arm]
	out.Version = c.run.plan.plugins[n.Use.Plugin].Version
	if r.Status != OK {
		out.Failed = r.Reason
	}
	for _, call := range r.Calls {
		if call.Error != "" {
			out.Errors++
		}
	}
	return out
}

// latency of the calls of both arms, those that were made in this run.
func (c *comparison) latency() (out []abtest.Latency) {
	for i, r := range c.arms {
		for _, name := range []string{"fit", "transform"} {
			l := abtest.Latency{Arm: abtest.Arm(i).String(), Call: name, MicrosPerRow: abtest.None}
			for _, call := range r.Calls {
				if call.Call == name {
					l.Calls++
					l.WallMS += float64(call.Wall.Microseconds()) / 1000
				}
			}
			if l.Calls > 0 && r.RowsIn > 0 {
				l.MicrosPerRow = abtest.Number(l.WallMS * 1000 / float64(r.RowsIn))
			}
			if l.Calls > 0 {
				out = append(out, l)
			}
		}
	}
	return out
}
