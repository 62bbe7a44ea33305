// SPDX-License-Identifier: Apache-2.0

// Times is a plugin for the tests of upgrades: it multiplies float64 columns by a
// factor, and centres them. Version and mode are linked in; a mode is what is wrong
// with a version:
//
//	plain     nothing
//	other     it gives other numbers
//	dice      it gives other numbers each time
//	renamed   the setting "factor" is called "by"
//	states    it does not load states of earlier versions, and says so
//	forgets   it does not load them, and says that it does
//	dwells    it takes for ever to load one
//	dies      it dies when it loads one
//	crash     it dies at its start
//	third     it dies in the third batch of a table that has a column "reading"
//	panics    it panics there
//	checks    its check panics
//	collects  it dies when it collects
//	refuses   it takes no number above 3, which earlier versions did
//
// With a column "slow" every version takes half a minute for a batch.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

var version, mode = "0.0.0", "plain"

type factor struct {
	Factor float64 `json:"factor" default:"2" doc:"What numbers are multiplied by."`
}

type by struct {
	By float64 `json:"by" default:"2" doc:"What numbers are multiplied by."`
}

// each rewrites the float64 features of all batches.
func each(in *kernel.Reader, out *kernel.Writer, begin func() error, f func(float64) (float64, error)) error {
	return in.Each(func(batch arrow.RecordBatch) error {
		if err := begin(); err != nil {
			return err
		}
		columns := slices.Clone(batch.Columns())
		for _, i := range table.Features(batch.Schema()) {
			values, ok := columns[i].(*array.Float64)
			if !ok {
				continue
			}
			b := array.NewFloat64Builder(out.Allocator())
			defer b.Release()
			for j, v := range values.Values() {
				x, err := f(v)
				switch {
				case err != nil:
					return err
				case values.IsNull(j):
					b.AppendNull()
				default:
					b.Append(x)
				}
			}
			columns[i] = b.NewArray()
			defer columns[i].Release()
		}
		rewritten := array.NewRecordBatch(batch.Schema(), columns, batch.NumRows())
		defer rewritten.Release()
		return out.Write(rewritten)
	})
}

type times struct {
	setup  *kernel.Setup
	factor float64
}

func (k *times) OutputSchema() (*arrow.Schema, error) { return k.setup.Schema, nil }

func (k *times) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	batches, sum := 0, 0.0
	err := each(in, out, func() error {
		batches++
		if len(k.setup.Schema.FieldIndices("slow")) > 0 {
			time.Sleep(30 * time.Second)
		}
		if batches == 3 && len(k.setup.Schema.FieldIndices("reading")) > 0 {
			switch mode {
			case "third":
				fmt.Fprintln(os.Stderr, "fatal error: the third batch")
				os.Exit(2)
			case "panics":
				panic("the third batch")
			}
		}
		return nil
	}, func(v float64) (float64, error) {
		if mode == "refuses" && v > 3 {
			return 0, diag.Errorf("Number above 3", "%g is too large for this version.", v)
		}
		x := v * k.factor
		switch {
		case mode == "other" && v > 2:
			x += 0.5
		case mode == "dice":
			x += rand.Float64()
		}
		sum += x
		return x, nil
	})
	return kernel.Report{"sum": sum}, err
}

func newTimes(s *kernel.Setup) (kernel.Instance, error) {
	k := &times{setup: s}
	if mode == "renamed" {
		var c by
		err := s.Config(&c)
		k.factor = c.By
		return k, err
	}
	var c factor
	err := s.Config(&c)
	k.factor = c.Factor
	return k, err
}

// centre subtracts the mean of all numbers that it learnt from.
type centre struct {
	setup *kernel.Setup
	mean  float64
}

func (k *centre) OutputSchema() (*arrow.Schema, error) { return k.setup.Schema, nil }

func (k *centre) Fit(_ context.Context, in *kernel.Reader) (kernel.Report, error) {
	sum, n := 0.0, 0.0
	err := in.Each(func(batch arrow.RecordBatch) error {
		for _, i := range table.Features(batch.Schema()) {
			if values, ok := batch.Column(i).(*array.Float64); ok {
				for j, v := range values.Values() {
					if values.IsValid(j) && !math.IsNaN(v) && !math.IsInf(v, 0) {
						sum, n = sum+v, n+1
					}
				}
			}
		}
		return nil
	})
	if n > 0 {
		k.mean = sum / n
	}
	return kernel.Report{"mean": k.mean}, err
}

func (k *centre) Save() ([]byte, error) {
	return binary.BigEndian.AppendUint64([]byte(stateHead()), math.Float64bits(k.mean)), nil
}

func (k *centre) Load(state []byte) error {
	switch mode {
	case "dies":
		fmt.Fprintln(os.Stderr, "fatal error: a state")
		os.Exit(2)
	case "dwells":
		select {}
	}
	if len(state) != 12 || string(state[:4]) != stateHead() {
		return errors.New("this is no state of centre")
	}
	k.mean = math.Float64frombits(binary.BigEndian.Uint64(state[4:]))
	return nil
}

func (k *centre) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	err := each(in, out, func() error { return nil }, func(v float64) (float64, error) { return v - k.mean, nil })
	return kernel.Report{}, err
}

// stateVersion is that of the states of centre.
func stateVersion() uint32 {
	if mode == "states" {
		return 2
	}
	return 1
}

func stateHead() string {
	if mode == "forgets" {
		return "CTR1"
	}
	return "ctr" + string(rune('0'+stateVersion()))
}

var collector = fact.Collector{
	Name: "times", Summary: "Tells a fact of its own",
	Facts: []fact.Description{{Address: "times.version", Summary: "the version of this plugin", Type: "string"}},
	Collect: func(_ context.Context, _ *fact.Target, record *fact.Recorder) error {
		if mode == "collects" {
			os.Exit(7)
		}
		record.Add("times.version", version)
		return nil
	},
}

var fine = check.Check{
	Code: "times.fine", Title: "The plugin works", Area: "system", Needs: []string{"times.version"}, Doc: check.Doc{Meaning: "A test runs."},
	Run: func(*check.Context) {
		if mode == "checks" {
			panic("the check")
		}
	},
}

func main() {
	if mode == "crash" {
		panic("it does not start")
	}
	config := any(factor{})
	if mode == "renamed" {
		config = by{}
	}
	plugin.Serve(plugin.Info{Name: "times", Version: version}, fact.Serve(collector), check.Serve(fine), kernel.Serve(
		kernel.Kernel{Name: "times", Compartment: kernel.Data, Transforms: true, RowWise: true, Config: config, New: newTimes},
		kernel.Kernel{
			Name: "centre", Compartment: kernel.Data, Fits: true, Transforms: true, RowWise: true, StateVersion: stateVersion(), MinStateVersion: stateVersion(),
			New: func(s *kernel.Setup) (kernel.Instance, error) { return &centre{setup: s}, nil },
		},
	))
}
