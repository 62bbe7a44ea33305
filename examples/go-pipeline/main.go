// SPDX-License-Identifier: Apache-2.0

// Go-pipeline builds a pipeline in Go, runs it with the installed host for
// several strengths of regularization, two runs at a time, and prints what each
// came to:
//
//	go run ./examples/go-pipeline
//
// It needs `bulkhead` in PATH, or its path in the environment variable BULKHEAD.
// With -print it only prints the pipeline, as HCL.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

func main() {
	data := flag.String("data", "examples/breast-cancer/breast_cancer.csv", "`file` with the table")
	show := flag.Bool("print", false, "print the pipeline and run nothing")
	flag.Parse()
	if err := act(*data, *show); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func act(data string, show bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := ridge(data)
	if show {
		return print(os.Stdout, p)
	}
	return race(ctx, os.Stdout, pipeline.Host{}, p)
}

// ridge is a pipeline with one parameter, the variable "alpha".
func ridge(csv string) *pipeline.Pipeline {
	p := pipeline.New("ridge", pipeline.About("Ridge regression after preparation."))
	alpha := p.Variable("alpha", pipeline.Type("number"), pipeline.Default(1), pipeline.Description("strength of the penalty"))
	rows := p.Source("rows", pipeline.CSV(csv), pipeline.Target("target"))
	clean := p.Kernel("clean", "data.prepare", rows, pipeline.Config{"quality_threshold": 0.8})
	p.Kernel("model", "algorithms.ridge", clean,
		pipeline.Timeout(time.Minute), pipeline.Config{"alpha": alpha})
	return p
}

func print(w io.Writer, p *pipeline.Pipeline) error {
	text, err := p.HCL()
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// race runs p for several values of alpha and prints a line for each, in their
// order.
func race(ctx context.Context, w io.Writer, h pipeline.Host, p *pipeline.Pipeline) error {
	alphas := []float64{0.01, 0.1, 1, 10, 100}
	fit := func(ctx context.Context, alpha float64) (*pipeline.NodeResult, error) {
		one := h
		one.Vars = map[string]string{"alpha": strconv.FormatFloat(alpha, 'g', -1, 64)}
		run, err := p.Start(ctx, one)
		if err != nil {
			return nil, err
		}
		if _, err := run.Wait(ctx); err != nil {
			return nil, err
		}
		return run.Node("model").Wait(ctx)
	}
	at := 0
	for model, err := range pipeline.Gather(ctx, 2, slices.Values(alphas), fit) {
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "alpha %-5g %4d rows in %4.0f ms, R2 %.4f\n", alphas[at], model.RowsOut, model.WallMS, score(model.Report))
		at++
	}
	return nil
}

// score is the R2 of the model on rows that it was not fitted on, which the
// kernel reports; see docs/reference/kernels.md.
func score(report json.RawMessage) float64 {
	var said struct {
		Leaderboard []struct {
			Metrics map[string]float64 `json:"metrics"`
		} `json:"leaderboard"`
	}
	if json.Unmarshal(report, &said) != nil || len(said.Leaderboard) == 0 {
		return math.NaN()
	}
	return said.Leaderboard[0].Metrics["r2"]
}
