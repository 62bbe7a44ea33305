// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// Start a pipeline, use the result of one node while the others run on, and wait
// for the report.
func ExamplePipeline_Start() {
	p := pipeline.New("churn")
	rows := p.Source("rows", pipeline.CSV("data/churn.csv"), pipeline.Target("churned"))
	clean := p.Kernel("clean", "data.prepare", rows)
	p.Kernel("model", "algorithms.auto", clean, pipeline.Budget(time.Minute))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	run, err := p.Start(ctx, pipeline.Host{})
	if err != nil {
		log.Fatal(err)
	}
	prepared, err := run.Node("clean").Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("%d rows are left of %d", prepared.RowsOut, prepared.RowsIn)
	report, err := run.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("done in %.0f ms", report.DurationMS)
}

// Follow a run as it happens.
func ExampleRun_Events() {
	ctx := context.Background()
	run, err := pipeline.StartFile(ctx, "examples/breast-cancer")
	if err != nil {
		log.Fatal(err)
	}
	for e := range run.Events(ctx) {
		switch e.Kind {
		case pipeline.Progressed:
			log.Printf("%s: %3.0f %%", e.Node, 100*e.Progress.Fraction)
		case pipeline.NodeEnded:
			log.Printf("%s: %s after %.0f ms", e.Node, e.Result.Status, e.Result.WallMS)
		}
	}
}

// Tell apart why a run did not work out.
func ExampleRun_Wait() {
	ctx := context.Background()
	run, err := pipeline.StartFile(ctx)
	if missing, ok := errors.AsType[*pipeline.NotFoundError](err); ok {
		log.Fatalf("no host: %v", missing)
	} else if err != nil {
		log.Fatal(err)
	}
	report, err := run.Wait(ctx)
	if refused, ok := errors.AsType[*pipeline.FailureError](err); ok {
		for _, d := range refused.Failure.Error.Diagnostics {
			log.Printf("%s: %s", d.Summary, d.Detail)
		}
	} else if failed, ok := errors.AsType[*pipeline.RunError](err); ok {
		log.Printf("run %s: %s", failed.Report.RunID, failed.Report.Status)
	} else if err == nil {
		log.Printf("%d files were written", len(report.Sinks))
	}
}

// Run the same files with several values of a variable, two at a time.
func ExampleGather_runs() {
	ctx := context.Background()
	fit := func(ctx context.Context, alpha string) (*pipeline.Report, error) {
		run, err := pipeline.Host{Vars: map[string]string{"alpha": alpha}}.StartFile(ctx, "ridge.bulkhead.hcl")
		if err != nil {
			return nil, err
		}
		return run.Wait(ctx)
	}
	for report, err := range pipeline.Gather(ctx, 2, slices.Values([]string{"0.1", "1", "10"}), fit) {
		if err != nil {
			log.Fatal(err)
		}
		log.Print(report.RunID)
	}
}

// A module, and a pipeline that uses it.
func ExampleNewModule() {
	m := pipeline.NewModule()
	threshold := m.Variable("threshold", pipeline.Type("number"), pipeline.Default(0.7))
	rows := m.Input("rows", "the table to prepare")
	m.Output("rows", m.Kernel("clean", "data.prepare", rows, pipeline.Config{"quality_threshold": threshold}))

	p := pipeline.New("p")
	table := p.Source("rows", pipeline.CSV("rows.csv"))
	strict := p.Module("strict", "./modules/features", pipeline.Args{"rows": table, "threshold": 0.95})
	p.Kernel("model", "algorithms.ridge", strict.Output("rows"))

	module, err := m.HCL()
	if err != nil {
		fmt.Println(err)
	}
	user, err := p.HCL()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("# modules/features/main.hcl\n%s\n# bulkhead.hcl\n%s", module, user)
	// Output:
	// # modules/features/main.hcl
	// variable "threshold" {
	//   type    = number
	//   default = 0.7
	// }
	//
	// input "rows" {
	//   description = "the table to prepare"
	// }
	//
	// kernel "clean" {
	//   use   = data.prepare
	//   input = input.rows
	//   config {
	//     quality_threshold = var.threshold
	//   }
	// }
	//
	// output "rows" {
	//   value = kernel.clean
	// }
	//
	// # bulkhead.hcl
	// pipeline "p" {
	//   source "rows" {
	//     csv = "rows.csv"
	//   }
	//
	//   module "strict" {
	//     source    = "./modules/features"
	//     rows      = source.rows
	//     threshold = 0.95
	//   }
	//
	//   kernel "model" {
	//     use   = algorithms.ridge
	//     input = module.strict.rows
	//   }
	// }
}

// A step that may be off, and one that reads it only when it is on.
func ExampleFirstOf() {
	p := pipeline.New("p")
	thorough := p.Variable("thorough", pipeline.Type("bool"), pipeline.Default(false))
	clean := p.Kernel("clean", "data.prepare", p.Source("rows", pipeline.CSV("rows.csv")))
	second := p.Kernel("second_look", "data.prepare", clean, pipeline.When(thorough))
	p.Kernel("model", "algorithms.ridge", pipeline.FirstOf(second, clean))
	for _, step := range p.List() {
		fmt.Println(step.Ref(), step.Kernel, step.Inputs)
	}
	// Output:
	// source.rows  []
	// kernel.clean data.prepare [source.rows]
	// kernel.second_look data.prepare [kernel.clean]
	// kernel.model algorithms.ridge [kernel.second_look kernel.clean]
}

func ExampleTemplate() {
	fmt.Println(pipeline.Template("rows-", pipeline.EachKey, ".csv"))
	fmt.Println(pipeline.Template("as it is: ${x}"))
	fmt.Println(pipeline.Call("toset", []string{"north", "south"}))
	fmt.Println(pipeline.Value(map[string]any{"alpha": 0.1, "columns": []string{"a"}}))
	// Output:
	// "rows-${each.key}.csv"
	// "as it is: $${x}"
	// toset(["north", "south"])
	// { alpha = 0.1, columns = ["a"] }
}
