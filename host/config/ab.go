// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// AB runs two kernels on one table and compares what they write.
type AB struct {
	// Name is unique among the comparisons of a pipeline; see Source.Name.
	Name string
	// Mode is "split" or "shadow".
	Mode string
	// Share of the rows that go to arm b, above 0 and below 1, by the columns Key,
	// or by the number of the row when there is none, and by Seed. Mode split.
	Share float64
	Key   []string
	Seed  uint64
	// Holdout is the share of rows from which no arm learns; 0 for none.
	Holdout float64
	// Label and Prediction are columns of the output, and Metrics what is made of
	// them; empty for none.
	Label, Prediction string
	Metrics           []string
	// Columns that are compared; empty for all.
	Columns []string
	MinRows int
	// Strict: in mode shadow, a failure of arm b fails the run.
	Strict bool
	// A and B are the arms. They stand among the kernels of the pipeline, too.
	A, B  *Kernel
	Range Range
}

// Modes of an AB, and Metrics that it knows.
var (
	abModes   = []string{"split", "shadow"}
	abMetrics = []string{"accuracy", "log_loss", "rmse", "mae"}
)

// splitOnly are attributes without a meaning in mode shadow.
var splitOnly = []string{"share", "key", "seed"}

func (sp *space) ab(st *member, s section, key string) *instance {
	n := sp.node(st, s, key)
	ab := &AB{
		Name: n.name, Range: n.at, Mode: s.text("mode"), Share: s.inside("share"), Holdout: s.inside("holdout"), Key: s.texts("key"), Seed: s.whole("seed"),
		Label: s.text("label"), Prediction: s.text("prediction"), Metrics: s.texts("metrics"), Columns: s.texts("columns"),
		MinRows: int(s.whole("min_rows")), Strict: s.flag("strict"),
	}
	for _, name := range splitOnly {
		if a, ok := s.attrs[name]; ok && ab.Mode == "shadow" {
			s.l.errorf(a.NameRange, "Setting of mode split", "%q says which rows go to which arm, and in mode shadow all rows go to both. Remove it.", name)
		}
	}
	if a, ok := s.attrs["strict"]; ok && ab.Mode == "split" {
		s.l.errorf(a.NameRange, "Setting of mode shadow", "In mode split both arms are needed, and on_failure of each says what follows when it fails. Remove \"strict\".")
	}
	s.scored(ab)
	sp.arms(ab, s)
	n.ab, n.refs = ab, s.references("input")
	return &instance{node: n}
}

// scored checks what stands about a label.
func (s section) scored(ab *AB) {
	for _, name := range ab.Metrics {
		if !slices.Contains(abMetrics, name) {
			s.l.errorf(s.rangeFor("metrics"), "Unknown metric", "%q is none of %s.%s", shorten(name), quotedList(abMetrics), nearSentence(name, abMetrics))
		}
	}
	if (ab.Label == "") != (ab.Prediction == "") || len(ab.Metrics) > 0 && ab.Label == "" {
		s.l.errorf(s.at, "Label without a prediction", "A metric compares \"label\" with \"prediction\". Name both columns, or none of them.")
	}
}

// arms are those that were written.
func (ab *AB) arms() []*Kernel {
	return slices.DeleteFunc([]*Kernel{ab.A, ab.B}, func(k *Kernel) bool { return k == nil })
}

// arms reads the two nested blocks.
func (sp *space) arms(ab *AB, s section) {
	seen := map[string]hcl.Range{}
	for _, b := range s.blocks.OfType("arm") {
		name := b.Labels[0]
		first, twice := seen[name]
		switch {
		case name != "a" && name != "b":
			s.l.errorf(b.LabelRanges[0], "Unknown arm", "The arms are \"a\", which you have, and \"b\", which you think of having; %q is neither.", shorten(name))
			continue
		case twice:
			s.l.errorf(b.DefRange, "Duplicate arm", "Arm %q already stands at %s. Rename one of them.", name, rangeOf(first))
			continue
		}
		seen[name] = b.DefRange
		k := sp.arm(ab, s.l.sectionIn(s.scope, armBlock(), b), name)
		if name == "a" {
			ab.A = k
		} else {
			ab.B = k
		}
	}
	for _, name := range []string{"a", "b"} {
		if _, ok := seen[name]; !ok {
			s.l.errorf(s.at, "Arm missing", "A comparison needs a block arm %q { use = PLUGIN.KERNEL }.", name)
		}
	}
}

func (sp *space) arm(ab *AB, s section, name string) *Kernel {
	k := s.step()
	k.Name, k.Range, k.AB, k.Arm = ab.Name+"."+name, rangeOf(s.at), ab, name
	return k
}

// inside reads a number above 0 and below 1.
func (s section) inside(name string) float64 {
	fallback, _ := s.schema.attribute(name).Default.(float64)
	v, ok := s.value(name, cty.Number)
	if !ok {
		return fallback
	}
	x, _ := v.AsBigFloat().Float64()
	if !(x > 0 && x < 1) {
		s.l.errorf(s.rangeFor(name), "Number out of range", "%q takes a number above 0 and below 1, and neither itself.", name)
		return fallback
	}
	return x
}
