// SPDX-License-Identifier: Apache-2.0

package pipeline

import "slices"

// Arm is one of the two kernels of a comparison.
type Arm struct {
	use     string
	options []KernelOption
}

// ArmOf is a kernel of a plugin as an arm, named as "PLUGIN.KERNEL". It takes all
// settings of a kernel but ForEach and When, which are those of the comparison.
func ArmOf(use string, options ...KernelOption) Arm { return Arm{use, options} }

// ABOption is a setting of a comparison.
type ABOption interface{ ab(*node) }

type abOption struct {
	name  string
	value Expr
}

func (o abOption) ab(n *node)   { set(n, o.name, o.value) }
func (o StepOption) ab(n *node) { o.apply(n) }

// AB adds a comparison of two kernels, or of two versions of one, on the table of
// another step: a is what one has, b what one thinks of having. What it returns is
// the table that goes on.
func (s *Steps) AB(name string, input Input, a, b Arm, options ...ABOption) Ref {
	n := &node{kind: abBlock, labels: []string{name}}
	s.reads(n, "input", input)
	for _, o := range options {
		o.ab(n)
	}
	n.items = append(n.items, a.node("a"), b.node("b"))
	return s.step(n)
}

// node is the block of an arm.
func (a Arm) node(name string) *node {
	n := &node{kind: armBlock, labels: []string{name}}
	set(n, "use", Expr{text: a.use})
	for _, o := range a.options {
		o.kernel(n)
	}
	if n.shared {
		n.shared = false
		set(n, "use", Expr{text: a.use, bad: "An arm stands in its comparison and cannot be shared; share the comparison"})
	}
	n.sortAttributes(specs[armBlock].attrs)
	relead(n)
	return n
}

// Mode says which rows go through which arm.
type Mode string

// Split sends each row through one arm, by a stable hash, which is the default.
// Shadow sends all rows through both, and what arm a writes goes on.
const (
	Split  Mode = "split"
	Shadow Mode = "shadow"
)

func (m Mode) ab(n *node) { set(n, "mode", Value(string(m))) }

// Fraction is a number above 0 and below 1.
type Fraction interface{ ~float64 | Expr }

// Share of the rows that go to arm b in mode Split; half of them without it.
func Share[T Fraction](share T) ABOption { return abOption{"share", Value(share)} }

// Key are the columns by which rows are split: equal values go to the same arm.
// Without them the number of the row decides.
func Key(columns ...string) ABOption { return abOption{"key", Value(columns)} }

// Label is the column of the output with the truth, for metrics.
func Label[T Text](column T) ABOption { return abOption{"label", Value(column)} }

// Prediction is the column of the output that is held against Label.
func Prediction[T Text](column T) ABOption { return abOption{"prediction", Value(column)} }

// Holdout is the share of the rows from which no arm learns, and of which metrics
// are.
func Holdout[T Fraction](share T) ABOption { return abOption{"holdout", Value(share)} }

// Metrics are computed of both arms: "accuracy", "log_loss", "rmse", "mae".
func Metrics(names ...string) ABOption { return abOption{"metrics", Value(names)} }

// Columns of the output that are compared; all but keys, ids and targets without
// it.
func Columns(names ...string) ABOption { return abOption{"columns", Value(names)} }

// MinRows is how many rows each arm needs before a difference is told, from 2 on.
func MinRows[T Whole](rows T) ABOption { return abOption{"min_rows", Value(rows)} }

// Strict fails the run in mode Shadow when arm b fails.
func Strict[T Bool](strict T) ABOption { return abOption{"strict", Value(strict)} }

// abMetrics are the metrics that the host computes.
var abMetrics = []string{"accuracy", "log_loss", "rmse", "mae"}

// abRules are what the host says of comparisons.
func (c *checker) abRules(n *node, step string) {
	mode := text(n.attr("mode"))
	if n.attr("mode") == nil {
		mode = string(Split)
	}
	for _, name := range []string{"share", "key", "seed"} {
		if it := n.attr(name); it != nil && mode == string(Shadow) {
			c.add(step, name, it.at, "It says which rows go to which arm, and in mode shadow all rows go to both. Remove it.")
		}
	}
	if it := n.attr("strict"); it != nil && mode == string(Split) {
		c.add(step, "strict", it.at, "It is for mode shadow: in mode split both arms are needed, and on_failure of each says what follows when it fails. Remove it.")
	}
	c.scored(n, step)
	c.arms(n, step)
}

// scored checks what stands about a label.
func (c *checker) scored(n *node, step string) {
	for _, pair := range [][2]string{{"label", "prediction"}, {"prediction", "label"}, {"metrics", "label"}} {
		if it := n.attr(pair[0]); it != nil && !n.has(pair[1]) {
			c.add(step, pair[0], it.at, "A metric compares label with prediction. Name both columns, or remove it.")
			return
		}
	}
	it := n.attr("metrics")
	if it == nil {
		return
	}
	v, ok := it.expr.constant()
	if !ok || v.IsNull() || !v.CanIterateElements() {
		return
	}
	for _, e := range v.AsValueSlice() {
		if name, ok := constantText(e); ok && !slices.Contains(abMetrics, name) {
			c.add(step, "metrics", it.at, "%q is none of accuracy, log_loss, rmse, mae.%s", shorten(name), near(name, abMetrics))
		}
	}
}

// arms wants each of the two once.
func (c *checker) arms(n *node, step string) {
	seen := map[string]bool{}
	for _, arm := range n.blocks(armBlock) {
		if len(arm.labels) != 1 {
			continue // reported with the block
		}
		name := arm.labels[0]
		switch {
		case name != "a" && name != "b":
			c.add(step, armBlock, arm.at, "The arms are \"a\", which you have, and \"b\", which you think of having; %q is neither.", shorten(name))
		case seen[name]:
			c.add(step, armBlock, arm.at, "Arm %q stands twice. Rename one of them.", name)
		}
		seen[name] = true
	}
	for _, name := range []string{"a", "b"} {
		if !seen[name] {
			c.add(step, armBlock, n.at, "A comparison needs a block arm %q { use = PLUGIN.KERNEL }.", name)
		}
	}
}
