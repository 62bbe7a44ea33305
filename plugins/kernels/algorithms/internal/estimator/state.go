// SPDX-License-Identifier: Apache-2.0

package estimator

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/baseline"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/linear"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/neighbours"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
)

// Versions of the state. Version 2 is the container of package state: the json
// value "model", which is stateHeader, and float64 arrays. Version 1, which is
// read and no longer written, is, little-endian:
//
//	8 bytes   magic "BHALGO1\n"
//	4 bytes   length of the header
//	header    JSON: stateHeader
//	arrays    float64 values, array by array in the order of the header
//
// Class codes of a kNN model are written as float64 too: they are small whole
// numbers.
const (
	StateVersion    = 2
	MinStateVersion = 1

	stateMagic = "BHALGO1\n"
	modelName  = "model"
)

// maxHeaderBytes bounds the header that Decode reads.
const maxHeaderBytes = 16 << 20

// Saved is a model together with the names that its inputs and outputs have.
type Saved struct {
	Model    *Model
	Features []string     // column names in the model's order
	Target   string       // name of the column that was learned
	Type     string       // its type: int64, float64, bool or utf8
	Classes  task.Classes // empty for a regression
}

type stateHeader struct {
	Spec      Spec          `json:"spec"`
	Task      task.Kind     `json:"task"`
	Features  []string      `json:"features"`
	Target    string        `json:"target"`
	Type      string        `json:"type"`
	Classes   []string      `json:"classes,omitempty"`
	Numbers   []float64     `json:"class_numbers,omitempty"`
	Arrays    []arrayHeader `json:"arrays,omitempty"` // of version 1
	Converged bool          `json:"converged,omitempty"`
	Steps     int           `json:"steps,omitempty"`
	Solver    linear.Solver `json:"solver,omitempty"`
	Rank      int           `json:"rank,omitempty"`
}

type arrayHeader struct {
	Name   string `json:"name"`
	Length int    `json:"length"`
}

// array is one named array of a state.
type array struct {
	name   string
	values []float64
}

// Names of the arrays.
const (
	arrayMean      = "scaler_mean"
	arrayScale     = "scaler_scale"
	arrayCoef      = "coef"
	arrayIntercept = "intercept"
	arrayFit       = "objective"
	arrayPrior     = "prior"
	arrayConstant  = "mean"
	arrayRows      = "rows"
	arrayTargets   = "targets"
)

// Encode writes a saved model under a header that tells where it comes from.
func Encode(s Saved, from state.Header) ([]byte, error) {
	from.Version = StateVersion
	w := state.New(from)
	w.JSON(modelName, s.header())
	for _, a := range s.Model.arrays() {
		w.Floats(a.name, a.values, a.shape(s.Model)...)
	}
	data, err := w.Bytes()
	if err != nil {
		return nil, fmt.Errorf("state of a model: %w", err)
	}
	return data, nil
}

// shape of an array: the rows of a matrix have a value for each feature.
func (a array) shape(m *Model) []int {
	if (a.name == arrayCoef || a.name == arrayRows) && m.Columns > 0 && len(a.values) > m.Columns {
		return []int{len(a.values) / m.Columns, m.Columns}
	}
	return []int{len(a.values)}
}

func (s Saved) header() stateHeader {
	m := s.Model
	h := stateHeader{
		Spec: m.Spec, Task: m.Kind, Features: s.Features, Target: s.Target, Type: s.Type,
		Classes: s.Classes.Names, Numbers: s.Classes.Numbers,
	}
	if m.Logistic != nil {
		h.Converged, h.Steps = m.Logistic.Converged, m.Logistic.Iterations
	}
	if m.Ridge != nil {
		h.Solver, h.Rank = m.Ridge.Solver, m.Ridge.Rank
	}
	return h
}

func (m *Model) arrays() []array {
	var out []array
	if m.Scaler != nil {
		out = append(out, array{arrayMean, m.Scaler.Mean}, array{arrayScale, m.Scaler.Scale})
	}
	switch {
	case m.Logistic != nil:
		out = append(out, array{arrayCoef, m.Logistic.Coef.Data}, array{arrayIntercept, m.Logistic.Intercept}, array{arrayFit, []float64{m.Logistic.Objective}})
	case m.Ridge != nil:
		out = append(out, array{arrayCoef, m.Ridge.Coef}, array{arrayIntercept, []float64{m.Ridge.Intercept}})
	case m.Index != nil:
		out = append(out, array{arrayRows, m.Index.X.Data}, array{arrayTargets, m.targets()})
	case m.Prior != nil:
		out = append(out, array{arrayPrior, m.Prior.Probabilities})
	case m.Mean != nil:
		out = append(out, array{arrayConstant, []float64{m.Mean.Value}})
	}
	return out
}

func (m *Model) targets() []float64 {
	if m.Kind == task.Regression {
		return m.Values
	}
	out := make([]float64, len(m.Codes))
	for i, c := range m.Codes {
		out[i] = float64(c)
	}
	return out
}

// ErrState is wrapped by every error of Decode.
var ErrState = errors.New("not a state of a model of this plugin")

// Decode reads what Encode wrote, now or in version 1. It trusts nothing:
// lengths are checked before memory is taken, and a state that no fit can have
// made is an error.
func Decode(data []byte) (Saved, error) {
	read := second
	if !state.Is(data) {
		read = first
	}
	h, arrays, err := read(data)
	if err != nil {
		return Saved{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	m, err := h.build(arrays)
	if err != nil {
		return Saved{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return Saved{
		Model: m, Features: h.Features, Target: h.Target, Type: h.Type,
		Classes: task.Classes{Names: h.Classes, Numbers: h.Numbers},
	}, nil
}

// second reads version 2.
func second(data []byte) (h stateHeader, arrays map[string][]float64, err error) {
	s, err := state.Load(data, state.Want{Version: StateVersion})
	if err != nil {
		return h, nil, err
	}
	r := s.Reader()
	r.JSON(modelName, &h)
	arrays = map[string][]float64{}
	for _, a := range s.Arrays() {
		if a.Name != modelName {
			arrays[a.Name] = r.Finite(a.Name)
		}
	}
	return h, arrays, r.End()
}

// first reads version 1.
func first(data []byte) (h stateHeader, arrays map[string][]float64, err error) {
	h, body, err := splitState(data)
	if err != nil {
		return h, nil, err
	}
	arrays, err = readArrays(h.Arrays, body)
	return h, arrays, err
}

func splitState(data []byte) (h stateHeader, body []byte, err error) {
	const fixed = len(stateMagic) + 4
	if len(data) < fixed || string(data[:len(stateMagic)]) != stateMagic {
		return h, nil, errors.New("the magic is missing")
	}
	n := binary.LittleEndian.Uint32(data[len(stateMagic):])
	if n > maxHeaderBytes || int(n) > len(data)-fixed {
		return h, nil, fmt.Errorf("a header of %d bytes does not fit", n)
	}
	dec := json.NewDecoder(bytes.NewReader(data[fixed : fixed+int(n)]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return h, nil, fmt.Errorf("header: %w", err)
	}
	return h, data[fixed+int(n):], nil
}

// readArrays cuts the body by the lengths of the header, which must use it up.
func readArrays(headers []arrayHeader, body []byte) (map[string][]float64, error) {
	out := map[string][]float64{}
	for _, h := range headers {
		if h.Length < 0 || h.Length > len(body)/8 {
			return nil, fmt.Errorf("array %q of %d values does not fit into %d bytes", h.Name, h.Length, len(body))
		}
		if _, twice := out[h.Name]; twice {
			return nil, fmt.Errorf("array %q stands twice", h.Name)
		}
		values := make([]float64, h.Length)
		for i := range values {
			values[i] = math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
			if math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
				return nil, fmt.Errorf("array %q holds %v", h.Name, values[i])
			}
		}
		out[h.Name], body = values, body[8*h.Length:]
	}
	if len(body) > 0 {
		return nil, fmt.Errorf("%d bytes behind the last array", len(body))
	}
	return out, nil
}

// build makes the model and checks every length against the others.
func (h stateHeader) build(a map[string][]float64) (*Model, error) {
	m := &Model{Spec: h.Spec, Kind: h.Task, Classes: len(h.Classes), Columns: len(h.Features)}
	if err := h.check(); err != nil {
		return nil, err
	}
	if err := m.buildScaler(a); err != nil {
		return nil, err
	}
	switch h.Spec.Kind {
	case Dummy:
		return m, m.buildBaseline(a)
	case Logistic:
		return m, m.buildLogistic(a, h)
	case Ridge:
		return m, m.buildRidge(a, h)
	case KNN:
		return m, m.buildIndex(a)
	}
	return nil, fmt.Errorf("unknown kind %q", h.Spec.Kind)
}

func (h stateHeader) check() error {
	switch h.Type {
	case "int64", "float64", "bool", "utf8":
	default:
		return fmt.Errorf("target type %q", h.Type)
	}
	if h.Task != task.Classification && h.Task != task.Regression {
		return fmt.Errorf("task %q", h.Task)
	}
	if (h.Task == task.Classification) != (len(h.Classes) > 0) {
		return fmt.Errorf("%d classes for a %s", len(h.Classes), h.Task)
	}
	numeric := h.Task == task.Classification && (h.Type == "int64" || h.Type == "float64")
	if numeric && len(h.Numbers) != len(h.Classes) || !numeric && len(h.Numbers) > 0 {
		return fmt.Errorf("%d class numbers for %d classes of type %s", len(h.Numbers), len(h.Classes), h.Type)
	}
	if h.Task == task.Regression && h.Type != "int64" && h.Type != "float64" {
		return fmt.Errorf("a regression of type %s", h.Type)
	}
	return h.Spec.Supports(h.Task)
}

// take returns an array of the expected length.
func take(a map[string][]float64, name string, n int) ([]float64, error) {
	v, ok := a[name]
	if !ok || len(v) != n {
		return nil, fmt.Errorf("array %q has %d values, want %d", name, len(v), n)
	}
	return v, nil
}

func (m *Model) buildScaler(a map[string][]float64) (err error) {
	if !m.Spec.ScaleInFold {
		return nil
	}
	m.Scaler = &dense.Scaler{}
	if m.Scaler.Mean, err = take(a, arrayMean, m.Columns); err != nil {
		return err
	}
	m.Scaler.Scale, err = take(a, arrayScale, m.Columns)
	for _, s := range m.Scaler.Scale {
		if s <= 0 {
			return fmt.Errorf("scale %v is not positive", s)
		}
	}
	return err
}

func (m *Model) buildBaseline(a map[string][]float64) error {
	if m.Kind == task.Classification {
		p, err := take(a, arrayPrior, m.Classes)
		m.Prior = &baseline.Prior{Probabilities: p}
		return err
	}
	v, err := take(a, arrayConstant, 1)
	if err == nil {
		m.Mean = &baseline.Mean{Value: v[0]}
	}
	return err
}

func (m *Model) buildLogistic(a map[string][]float64, h stateHeader) error {
	if m.Classes < 2 {
		return fmt.Errorf("logistic regression over %d classes", m.Classes)
	}
	scores := m.Classes
	if scores == 2 {
		scores = 1
	}
	intercept, err := take(a, arrayIntercept, scores)
	if err != nil {
		return err
	}
	coef, err := dense.Wrap(scores, m.Columns, a[arrayCoef])
	if err != nil {
		return err
	}
	value, err := take(a, arrayFit, 1)
	if err != nil {
		return err
	}
	m.Logistic = &linear.Logistic{
		Classes: m.Classes, Coef: coef, Intercept: intercept, Objective: value[0],
		Iterations: h.Steps, Converged: h.Converged,
	}
	return nil
}

func (m *Model) buildRidge(a map[string][]float64, h stateHeader) error {
	coef, err := take(a, arrayCoef, m.Columns)
	if err != nil {
		return err
	}
	intercept, err := take(a, arrayIntercept, 1)
	if err != nil {
		return err
	}
	m.Ridge = &linear.Ridge{Coef: coef, Intercept: intercept[0], Alpha: m.Spec.Alpha, Solver: h.Solver, Rank: h.Rank}
	return nil
}

func (m *Model) buildIndex(a map[string][]float64) error {
	targets := a[arrayTargets]
	x, err := dense.Wrap(len(targets), m.Columns, a[arrayRows])
	if err != nil {
		return err
	}
	if m.Index, err = neighbours.NewIndex(x, m.Spec.K, m.Spec.Weights); err != nil {
		return err
	}
	if m.Kind == task.Regression {
		m.Values = targets
		return nil
	}
	for _, v := range targets {
		if v != math.Trunc(v) || v < 0 || v >= float64(m.Classes) {
			return fmt.Errorf("class code %v of %d classes", v, m.Classes)
		}
		m.Codes = append(m.Codes, int(v))
	}
	return nil
}
