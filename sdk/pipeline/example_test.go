// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"fmt"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

func Example() {
	p := pipeline.New("churn", pipeline.About("Who leaves, and when."))
	rows := p.Source("rows", pipeline.CSV("data/churn.csv"), pipeline.Target("churned"))
	clean := p.Kernel("clean", "data.prepare", rows, pipeline.Config{"quality_threshold": 0.8})
	model := p.Kernel("model", "algorithms.auto", clean, pipeline.Budget(time.Minute), pipeline.OnFailure(pipeline.Retry))
	p.Sink("scores", model, pipeline.Parquet("out/scores.parquet"))

	hcl, err := p.HCL()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s", hcl)
	// Output:
	// pipeline "churn" {
	//   description = "Who leaves, and when."
	//
	//   source "rows" {
	//     csv    = "data/churn.csv"
	//     target = "churned"
	//   }
	//
	//   kernel "clean" {
	//     use   = data.prepare
	//     input = source.rows
	//     config {
	//       quality_threshold = 0.8
	//     }
	//   }
	//
	//   kernel "model" {
	//     use        = algorithms.auto
	//     input      = kernel.clean
	//     budget     = "1m0s"
	//     on_failure = "retry"
	//   }
	//
	//   sink "scores" {
	//     input   = kernel.model
	//     parquet = "out/scores.parquet"
	//   }
	// }
}

// One step of each element of a map.
func ExampleForEach() {
	p := pipeline.New("models")
	models := p.Local("models", map[string]map[string]float64{"ridge": {"alpha": 10}, "mild": {"alpha": 0.1}})
	rows := p.Source("rows", pipeline.CSV("rows.csv"), pipeline.Target("price"))
	model := p.Kernel("model", "algorithms.ridge", rows,
		pipeline.ForEach(models), pipeline.Config{"alpha": pipeline.EachValue.Get("alpha")})
	p.Sink("best", model.Key("ridge"), pipeline.Parquet("ridge.parquet"))

	hcl, err := p.HCL()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s", hcl)
	// Output:
	// locals {
	//   models = { mild = { alpha = 0.1 }, ridge = { alpha = 10 } }
	// }
	//
	// pipeline "models" {
	//   source "rows" {
	//     csv    = "rows.csv"
	//     target = "price"
	//   }
	//
	//   kernel "model" {
	//     for_each = local.models
	//     use      = algorithms.ridge
	//     input    = source.rows
	//     config {
	//       alpha = each.value.alpha
	//     }
	//   }
	//
	//   sink "best" {
	//     input   = kernel.model["ridge"]
	//     parquet = "ridge.parquet"
	//   }
	// }
}

// Mistakes are found before anything runs, and name their step.
func ExamplePipeline_HCL_mistakes() {
	p := pipeline.New("churn")
	rows := p.Source("rows", pipeline.CSV("a.csv"), pipeline.Parquet("a.parquet"))
	p.Kernel("clean", "data.prepare", rows)
	p.Kernel("model", "algorithms.auto", pipeline.Named("kernel.clear"))

	_, err := p.HCL()
	fmt.Println(err)
	// Output:
	// source.rows: parquet: A source has one place, and "csv" is set, too. Make a second source of it.
	// kernel.model: input: It reads kernel.clear, which is not there. Did you mean kernel.clean?
}

func ExamplePipeline_JSON() {
	p := pipeline.New("p")
	threshold := p.Variable("threshold", pipeline.Type("number"), pipeline.Default(0.8))
	rows := p.Source("rows", pipeline.CSV("rows.csv"))
	p.Kernel("clean", "data.prepare", rows, pipeline.Config{"quality_threshold": threshold})

	text, err := p.JSON()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s", text)
	// Output:
	// {
	//   "variable": {
	//     "threshold": {
	//       "type": "number",
	//       "default": 0.8
	//     }
	//   },
	//   "pipeline": {
	//     "p": {
	//       "source": {
	//         "rows": {
	//           "csv": "rows.csv"
	//         }
	//       },
	//       "kernel": {
	//         "clean": {
	//           "use": "data.prepare",
	//           "input": "source.rows",
	//           "config": {
	//             "quality_threshold": "${var.threshold}"
	//           }
	//         }
	//       }
	//     }
	//   }
	// }
}

func ExampleParse() {
	p, err := pipeline.Parse([]byte(`
source "rows" { csv = "rows.csv" }
pipeline "p" {
  kernel "clean" { # the usual
    use = data.prepare
    input = source.rows
  }
}
`), "p.bulkhead.hcl")
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Sink("out", pipeline.Named("kernel.clean"), pipeline.CSV("out.csv"))
	hcl, _ := p.HCL()
	fmt.Printf("%s", hcl)
	// Output:
	// source "rows" { csv = "rows.csv" }
	// pipeline "p" {
	//   kernel "clean" { # the usual
	//     use   = data.prepare
	//     input = source.rows
	//   }
	//
	//   sink "out" {
	//     input = kernel.clean
	//     csv   = "out.csv"
	//   }
	// }
}
