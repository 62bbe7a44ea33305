// SPDX-License-Identifier: Apache-2.0

package prepare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/impute"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/scale"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
)

// kernelName marks a state as one of this kernel.
const kernelName = "data.prepare"

// maxStateBytes bounds what Decode reads.
const maxStateBytes = 64 << 20

// Versions of the state: the container of package state, and what stood before
// it. The plan inside has a version of its own.
const (
	StateVersion    = 2
	MinStateVersion = 1
)

// first is version 1 of the state: one JSON object.
type first struct {
	Kernel string `json:"kernel"`
	Plan   *Plan  `json:"plan"`
}

// Encode writes the plan as bytes that Decode reads back, under a header that
// tells where it comes from. Numbers of the plan are written with the digits
// that read back to the same float64.
func (p *Plan) Encode(from state.Header) ([]byte, error) {
	from.Kernel, from.Version = kernelName, StateVersion
	w := state.New(from)
	w.JSON("plan", p)
	return w.Bytes()
}

// Decode reads a plan that Encode wrote, now or in version 1. It trusts nothing:
// other kernels, other versions, unknown fields, trailing bytes and plans that
// no fit can have made are errors.
func Decode(data []byte) (*Plan, error) {
	if len(data) > maxStateBytes {
		return nil, fmt.Errorf("state of data.prepare: %d bytes, more than %d", len(data), maxStateBytes)
	}
	s, err := state.Load(data, state.Want{Kernel: kernelName, Version: StateVersion})
	if errors.Is(err, state.ErrNotState) {
		return decodeFirst(data)
	}
	if err != nil {
		return nil, fmt.Errorf("state of data.prepare: %w", err)
	}
	p, r := &Plan{}, s.Reader()
	r.JSON("plan", p)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("state of data.prepare: %w", err)
	}
	return p, p.check()
}

func decodeFirst(data []byte) (*Plan, error) {
	var s first
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("state of data.prepare: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("state of data.prepare: bytes behind the end")
	}
	if s.Kernel != kernelName || s.Plan == nil {
		return nil, fmt.Errorf("state of data.prepare: it belongs to kernel %q", s.Kernel)
	}
	return s.Plan, s.Plan.check()
}

func (p *Plan) check() error {
	if p.Version != Version {
		return fmt.Errorf("state of data.prepare: version %d, this plugin reads %d", p.Version, Version)
	}
	if p.Unknown != "ignore" && p.Unknown != "error" {
		return fmt.Errorf("state of data.prepare: unknown is %q", p.Unknown)
	}
	seen := map[string]bool{}
	for _, cp := range p.Columns {
		if err := cp.check(); err != nil {
			return fmt.Errorf("state of data.prepare: column %q: %w", cp.Name, err)
		}
		for _, name := range cp.Outputs {
			if seen[name] {
				return fmt.Errorf("state of data.prepare: output %q stands twice", name)
			}
			seen[name] = true
		}
	}
	return nil
}

func (cp ColumnPlan) check() error {
	switch cp.Kind {
	case frame.Numeric, frame.Bool, frame.Text:
	default:
		return fmt.Errorf("unknown kind %q", cp.Kind)
	}
	if want := len(cp.outputs()); len(cp.Outputs) != want {
		return fmt.Errorf("%d outputs, want %d", len(cp.Outputs), want)
	}
	if cp.Drop != "" {
		return checkReason(cp.Drop)
	}
	if err := checkStrategy(cp.Impute); err != nil {
		return err
	}
	if (cp.Scaler != nil) != (cp.Kind == frame.Numeric) || cp.OneHot != nil && cp.Kind != frame.Text {
		return errors.New("the steps do not fit the kind")
	}
	if cp.OneHot != nil {
		return cp.OneHot.Check()
	}
	return checkScaler(cp.Scaler)
}

func checkReason(r string) error {
	switch r {
	case ReasonEmpty, ReasonConstant, ReasonCardinality, ReasonIDLike:
		return nil
	}
	return fmt.Errorf("unknown reason %q", r)
}

func checkStrategy(s impute.Strategy) error {
	switch s {
	case impute.Mean, impute.Median, impute.MostFrequent, impute.Constant, impute.None:
		return nil
	}
	return fmt.Errorf("unknown imputation %q", s)
}

func checkScaler(s *scale.Scaler) error {
	if s == nil {
		return nil
	}
	switch s.Kind {
	case scale.Standard, scale.MinMax, scale.Robust, scale.None:
	default:
		return fmt.Errorf("unknown scaling %q", s.Kind)
	}
	if !(s.Scale > 0) || math.IsInf(s.Scale, 0) {
		return fmt.Errorf("scale %v is not a positive number", s.Scale)
	}
	return nil
}
