// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"errors"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/state"
)

// ridge is what a kernel learnt.
type ridge struct {
	Coef      []float64
	Intercept float64
	Features  []string
	Options   options
}

type options struct {
	Alpha float64 `json:"alpha"`
}

const kernel, version = "algorithms.ridge", 2

// migrations: version 1 called the coefficients weights.
var migrations = state.Migrations{
	1: func(s *state.State) (*state.State, error) {
		w := s.Edit()
		w.Rename("weights", "coef")
		return w.State()
	},
}

func (m ridge) save(seed uint64) ([]byte, error) {
	w := state.New(state.Header{Kernel: kernel, Version: version, Seed: seed})
	w.Floats("coef", m.Coef)
	w.Floats("intercept", []float64{m.Intercept})
	w.Strings("features", m.Features)
	w.JSON("options", m.Options)
	return w.Bytes()
}

func load(data []byte) (*ridge, error) {
	s, err := state.Load(data, state.Want{Kernel: kernel, Version: version, Migrations: migrations})
	if err != nil {
		return nil, err
	}
	m, r := &ridge{}, s.Reader()
	m.Features = r.Strings("features", -1)
	m.Coef = r.Finite("coef", len(m.Features))
	m.Intercept = r.Float("intercept")
	r.JSON("options", &m.Options)
	return m, r.End()
}

func Example() {
	data, err := ridge{[]float64{0.5, -2}, 1.25, []string{"age", "plan"}, options{Alpha: 0.1}}.save(42)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := load(data)
	fmt.Println(m.Features, m.Coef, m.Intercept, m.Options.Alpha, err)

	data[len(data)-1] ^= 1
	_, err = load(data)
	fmt.Println(errors.Is(err, state.ErrDigest))
	// Output:
	// [age plan] [0.5 -2] 1.25 0.1 <nil>
	// true
}

func ExampleMigrations() {
	w := state.New(state.Header{Kernel: kernel, Version: 1})
	w.Floats("weights", []float64{3})
	w.Floats("intercept", []float64{0})
	w.Strings("features", []string{"age"})
	w.JSON("options", options{})
	old, err := w.State()
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := load(old.Bytes())
	fmt.Println(m.Coef, err)

	s, err := migrations.To(version, old)
	fmt.Println(s.Header.Version, s.Header.Parent == old.Digest(), err)

	_, err = migrations.To(1, s)
	fmt.Println(err)
	// Output:
	// [3] <nil>
	// 2 true <nil>
	// the state of algorithms.ridge has version 2, and this kernel reads up to 1; upgrade its plugin
}
