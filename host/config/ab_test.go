// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
)

const abFile = `
variable "share" { default = 0.25 }
source "rows" { csv = "x.csv" }
pipeline "p" {
  ab "scale" {
    input      = source.rows
    share      = var.share
    key        = ["id"]
    seed       = 7
    label      = "y"
    prediction = "z"
    metrics    = ["rmse"]
    columns    = ["x"]
    min_rows   = 50
    holdout    = 0.2
    arm "b" {
      use     = fresh.scale
      timeout = "5s"
      config { n = 2 }
    }
    arm "a" {
      use = old.scale
    }
  }
  ab "each" {
    for_each = toset(["m", "n"])
    input    = ab.scale
    mode     = "shadow"
    strict   = each.key == "m"
    arm "a" { use = old.scale }
    arm "b" { use = old.scale }
  }
  kernel "next" {
    use   = old.scale
    input = ab.each["n"].output
  }
  kernel "off" {
    use   = old.scale
    input = ab.never
  }
  ab "never" {
    input = source.rows
    when  = false
    arm "a" { use = old.scale }
    arm "b" { use = old.scale }
  }
  sink "out" {
    input = ab.each["m"]
    csv   = "out.csv"
  }
}
`

func TestAB(t *testing.T) {
	cfg, diags, _ := load(t, map[string]string{"bulkhead.hcl": abFile}, LoadOptions{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	p := cfg.Pipelines[0]
	wantLines(t, p,
		"source rows",
		"kernel scale.a <- source.rows", "kernel scale.b <- source.rows",
		"kernel each.m.a <- ab.scale", "kernel each.m.b <- ab.scale", "kernel each.n.a <- ab.scale", "kernel each.n.b <- ab.scale",
		"kernel next <- ab.each.n", "sink out <- ab.each.m",
		"off ab.never: when = false is false", "off kernel.off: its input ab.never is off",
	)
	ab := p.Kernels[0].AB
	if ab.Name != "scale" || ab.Mode != "split" || ab.Share != 0.25 || ab.Seed != 7 || !slices.Equal(ab.Key, []string{"id"}) || ab.MinRows != 50 || ab.Holdout != 0.2 || ab.Label != "y" || ab.Prediction != "z" {
		t.Errorf("%+v", ab)
	}
	if ab.A.Node() != "ab.scale.a" || ab.B.Use.Plugin != "fresh" || ab.B.Timeout == 0 || ab.B.Arm != "b" || ab.A.AB != ab {
		t.Errorf("%+v and %+v", ab.A, ab.B)
	}
	if m := p.Kernels[2].AB; m.Name != "each.m" || !m.Strict || m.Mode != "shadow" {
		t.Errorf("%+v", m)
	}
	if _, ok := p.Kernel("scale.a"); ok {
		t.Error("an arm is a kernel that can be named")
	}
}

func TestABInModulesAndAtTopLevel(t *testing.T) {
	block := `ab "t" {
  input = %s
  arm "a" { use = old.scale }
  arm "b" { use = old.scale }
}
`
	cfg, diags, _ := load(t, map[string]string{
		"bulkhead.hcl": `source "rows" { csv = "x.csv" }
` + strings.Replace(block, "%s", "source.rows", 1) + `
pipeline "p" {
  module "m" {
    source = "./m"
    rows   = ab.t
  }
  sink "out" {
    input = module.m.out
    csv   = "out.csv"
  }
}`,
		"m/main.hcl": `input "rows" {}
` + strings.Replace(block, "%s", "input.rows", 1) + `
output "out" { value = ab.t }`,
	}, LoadOptions{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	wantLines(t, cfg.Pipelines[0], "source rows", "kernel t.a <- source.rows", "kernel t.b <- source.rows", "kernel m.t.a <- ab.t", "kernel m.t.b <- ab.t", "sink out <- ab.m.t")
	if len(cfg.Kernels) != 2 {
		t.Errorf("%d kernels at top level", len(cfg.Kernels))
	}
}

func TestWrongAB(t *testing.T) {
	for _, c := range []struct{ change, with, want string }{
		{`arm "a"`, `arm "c"`, `"c" is neither`},
		{`arm "a"`, `arm "b"`, `Arm "b" already stands`},
		{`share      = var.share`, `share = 1`, "above 0 and below 1"},
		{`share      = var.share`, `mode = "both"`, "split"},
		{`metrics    = ["rmse"]`, `metrics = ["auc"]`, `"auc" is none of`},
		{`label      = "y"`, ``, "Name both columns"},
		{`mode     = "shadow"`, `mode = "shadow"` + "\n" + `key = ["x"]`, "in mode shadow all rows go to both"},
		{`mode     = "shadow"`, `mode = "split"`, `Remove "strict"`},
		{`ab.each["n"].output`, `ab.scale.a`, "ab has one output. Write ab.scale"},
		{`ab.each["n"].output`, `ab.scal`, `Did you mean "scale"?`},
		{`input      = source.rows`, `input = ab.scale`, "ab.scale"},
		{`holdout    = 0.2`, `holdout = 0`, "above 0 and below 1"},
		{`min_rows   = 50`, `min_rows = 1`, "of at least 2"},
		{`use = old.scale`, `use = old`, "PLUGIN.KERNEL"},
	} {
		file := strings.Replace(abFile, c.change, c.with, 1)
		if file == abFile {
			t.Fatalf("%q is not there", c.change)
		}
		_, diags, _ := load(t, map[string]string{"bulkhead.hcl": file}, LoadOptions{})
		var texts []string
		for _, d := range diags {
			texts = append(texts, d.Summary+": "+d.Detail)
		}
		if all := strings.Join(texts, "\n"); !diags.HasErrors() || !strings.Contains(all, c.want) {
			t.Errorf("%q: %s", c.with, all)
		}
	}
}

// TestABNamesDoNotCollide: an arm has the name that an instance could have.
func TestABNamesDoNotCollide(t *testing.T) {
	_, diags, _ := load(t, map[string]string{"bulkhead.hcl": `
source "rows" { csv = "x.csv" }
pipeline "p" {
  ab "t" {
    input = source.rows
    arm "a" { use = old.scale }
    arm "b" { use = old.scale }
  }
  module "t" {
    source = "./m"
    rows   = source.rows
  }
}`, "m/main.hcl": `input "rows" {}
ab "a" {
  input = input.rows
  arm "a" { use = old.scale }
  arm "b" { use = old.scale }
}`}, LoadOptions{})
	if !diags.HasErrors() || !strings.Contains(diags[0].Detail, "ab.t.a stands beside") {
		t.Errorf("%v", diags)
	}
}
