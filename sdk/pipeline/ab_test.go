// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// compared has comparisons with all settings that they know.
func compared() *pipeline.Pipeline {
	p := pipeline.New("compared")
	share := p.Variable("share", pipeline.Default(0.4))
	rows := p.Source("rows", pipeline.CSV("rows.csv"), pipeline.Target("y"))
	limit := p.AB("limit", rows,
		pipeline.ArmOf("old.clip", pipeline.Config{"low": -9}),
		pipeline.ArmOf("fresh.clip", pipeline.Config{"low": -9}, pipeline.Timeout(time.Minute), pipeline.OnFailure(pipeline.Retry), pipeline.Retries(2), pipeline.Cache(false)),
		pipeline.Split, pipeline.Share(share), pipeline.Key("id", "day"), pipeline.Seed(7), pipeline.MinRows(50), pipeline.Columns("x"))
	model := p.AB("model", limit, pipeline.ArmOf("algorithms.linear", pipeline.Seed(1)), pipeline.ArmOf("algorithms.ridge"),
		pipeline.Shadow, pipeline.Label("y"), pipeline.Prediction("prediction"), pipeline.Metrics("rmse", "mae"), pipeline.Holdout(0.3), pipeline.Strict(true),
		pipeline.ForEach([]string{"n", "s"}))
	p.AB("later", pipeline.FirstOf(model.Key("n"), rows), pipeline.ArmOf("data.scale"), pipeline.ArmOf("data.scale"), pipeline.When(false))
	p.Sink("out", model.Key("s"), pipeline.CSV("out.csv"))
	return p
}

const comparedHCL = `  ab "limit" {
    input    = source.rows
    mode     = "split"
    share    = var.share
    key      = ["id", "day"]
    seed     = 7
    columns  = ["x"]
    min_rows = 50

    arm "a" {
      use = old.clip
      config {
        low = -9
      }
    }

    arm "b" {
      use        = fresh.clip
      timeout    = "1m0s"
      on_failure = "retry"
      retries    = 2
      cache      = false
      config {
        low = -9
      }
    }
  }
`

func TestAB(t *testing.T) {
	p := compared()
	text, err := p.HCL()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), comparedHCL) {
		t.Errorf("it is written\n%s", text)
	}
	q, err := pipeline.Parse(text, "x.hcl")
	if err != nil || !p.Equal(q) {
		t.Errorf("it reads back as another one: %v", err)
	}
	json, err := p.JSON()
	if err != nil || !strings.Contains(string(json), `"arm": {`) || !strings.Contains(string(json), `"share": "${var.share}"`) {
		t.Errorf("%v\n%s", err, json)
	}
	for _, s := range q.List() {
		if s.Ref() == "ab.limit" && (len(s.Arms) != 2 || s.Arms[0] != "old.clip" || s.Arms[1] != "fresh.clip" || s.Inputs[0] != "source.rows" || s.Line == 0) {
			t.Errorf("%+v", s)
		}
	}
}

// What the host would refuse is found out here.
func TestABMistakes(t *testing.T) {
	rows := pipeline.Named("source.rows")
	scale := pipeline.ArmOf("data.scale")
	for want, make := range map[string]func(*pipeline.Pipeline){
		"above 0 and below 1":            func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Share(1.0)) },
		"neither itself":                 func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Holdout(0.0)) },
		"Name both columns":              func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Label("y")) },
		"compares label with prediction": func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Metrics("rmse")) },
		"Did you mean rmse?": func(p *pipeline.Pipeline) {
			p.AB("t", rows, scale, scale, pipeline.Label("y"), pipeline.Prediction("z"), pipeline.Metrics("rmsee"))
		},
		"all rows go to both":   func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Shadow, pipeline.Key("id")) },
		"It is for mode shadow": func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Strict(true)) },
		"one of split, shadow":  func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Mode("spilt")) },
		"whole number":          func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.MinRows(1)) },
		"PLUGIN.KERNEL":         func(p *pipeline.Pipeline) { p.AB("t", rows, scale, pipeline.ArmOf("scale")) },
		"no such setting": func(p *pipeline.Pipeline) {
			p.AB("t", rows, scale, pipeline.ArmOf("data.scale", pipeline.ForEach([]string{"x"})))
		},
		"cannot be shared":               func(p *pipeline.Pipeline) { p.AB("t", rows, scale, pipeline.ArmOf("data.scale", pipeline.Shared())) },
		"It needs its own result":        func(p *pipeline.Pipeline) { p.AB("t", pipeline.Named("ab.t"), scale, scale) },
		"It reads ab.nobody":             func(p *pipeline.Pipeline) { p.AB("t", pipeline.Named("ab.nobody"), scale, scale) },
		"It counts only with on_failure": func(p *pipeline.Pipeline) { p.AB("t", rows, pipeline.ArmOf("data.scale", pipeline.Retries(2)), scale) },
		"given to two blocks of type":    func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale); p.AB("t", rows, scale, scale) },
		"whole number from 0":            func(p *pipeline.Pipeline) { p.AB("t", rows, scale, scale, pipeline.Seed(-1)) },
	} {
		p := pipeline.New("p")
		p.Source("rows", pipeline.CSV("rows.csv"))
		make(p)
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for want, arms := range map[string]string{
		`A comparison needs a block arm "b"`: `arm "a" { use = data.scale }`,
		`"c" is neither`:                     `arm "a" { use = data.scale }` + "\n" + `arm "b" { use = data.scale }` + "\n" + `arm "c" { use = data.scale }`,
		"stands twice":                       `arm "a" { use = data.scale }` + "\n" + `arm "b" { use = data.scale }` + "\n" + `arm "a" { use = data.scale }`,
		"cannot be expressed here":           `arm "a" { use = data.scale }` + "\n" + `arm "b" { use = data.scale }` + "\n" + `leg "c" {}`,
	} {
		src := "pipeline \"p\" {\nsource \"rows\" { csv = \"rows.csv\" }\nab \"t\" {\ninput = source.rows\n" + arms + "\n}\n}\n"
		if _, err := pipeline.Parse([]byte(src), "x.hcl"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
