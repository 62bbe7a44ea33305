// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

func TestPlan(t *testing.T) {
	f := newFleet(t)
	n := step("a", "scale", "rows")
	n.Budget = time.Minute
	plan := mustPlan(t, f, rowsNode(t, 4), n, step("c", "drop", "a"), step("b", "drop", "rows"))
	if got := fmt.Sprint(plan.Levels); got != "[[rows] [a b] [c]]" {
		t.Errorf("levels %s", got)
	}
	checked := map[string]string{}
	for _, n := range plan.Nodes {
		checked[n.Name] = n.Checked
	}
	if checked["a"] != CheckedNow || checked["c"] != CheckedLater || checked["rows"] != "" {
		t.Errorf("checked %v", checked)
	}
	data, err := json.Marshal(plan)
	if err != nil || !strings.Contains(string(data), `"consumers":["a","b"]`) || !strings.Contains(string(data), `"type":"float64"`) {
		t.Errorf("plan %s, %v", data, err)
	}
	unasked, _ := MakePlan(context.Background(), Pipeline{Name: "p", Nodes: []Node{rowsNode(t, 4), n}}, nil, Options{})
	if unasked.Nodes[1].Checked != CheckedNot {
		t.Errorf("checked %q without kernels", unasked.Nodes[1].Checked)
	}
}

func TestProblems(t *testing.T) {
	several := step("a", "drop", "rows")
	several.Inputs = append(several.Inputs, "b")
	none := step("a", "drop", "rows")
	none.Inputs = nil
	idle := step("a", "drop", "rows")
	idle.Description = nil
	policy := step("a", "drop", "rows")
	policy.OnFailure = "ignore"
	config := step("a", "drop", "rows")
	config.Config = []byte("[]")
	negative := step("a", "drop", "rows")
	negative.Budget = -1
	for name, c := range map[string]struct {
		nodes []Node
		node  string
		path  string
		says  []string
	}{
		"empty":               {nil, "", "", []string{"Empty pipeline"}},
		"unknown input":       {[]Node{step("a", "drop", "rosw")}, "a", "input", []string{`"rosw"`, `mean "rows"`}},
		"cycle":               {[]Node{step("a", "drop", "c"), step("b", "drop", "a"), step("c", "drop", "b")}, "a", "input", []string{"a <- c <- b <- a"}},
		"self":                {[]Node{step("a", "drop", "a")}, "a", "input", []string{"a <- a"}},
		"no input":            {[]Node{none}, "a", "input", []string{"without input"}},
		"several inputs":      {[]Node{several}, "a", "input", []string{"takes one table and has 2", "rows, b"}},
		"fit only input":      {[]Node{step("a", "score", "rows"), step("b", "drop", "a")}, "b", "input", []string{"a only fits"}},
		"does nothing":        {[]Node{idle}, "a", "use", []string{"neither fits nor transforms"}},
		"name twice":          {[]Node{step("ROWS", "drop", "rows")}, "ROWS", "", []string{"stands twice"}},
		"bad name":            {[]Node{step("../a", "drop", "rows")}, "../a", "", []string{"cannot be used"}},
		"policy":              {[]Node{policy}, "a", "on_failure", []string{`"ignore"`}},
		"settings":            {[]Node{config}, "a", "config", []string{"JSON object"}},
		"negative":            {[]Node{negative}, "a", "", []string{"negative"}},
		"kind":                {[]Node{{Name: "a", Kind: "tap"}}, "a", "", []string{`"tap"`}},
		"refused by New":      {[]Node{step("a", "refuse", "rows")}, "a", "config.low", []string{"Empty range", "low is above high"}},
		"plugin absent":       {[]Node{{Name: "a", Kind: KindKernel, Use: Use{"absent", "x"}, Inputs: []string{"rows"}, Description: step("a", "drop", "").Description}}, "a", "use", []string{"not installed"}},
		"sink without a file": {[]Node{{Name: "a", Kind: KindSink, Inputs: []string{"rows"}}}, "a", "", []string{"names a file"}},
		"sink without input":  {[]Node{{Name: "a", Kind: KindSink, Sink: sinkNode("a", "", "x.csv").Sink}}, "a", "input", []string{"without input"}},
		"sink as input":       {[]Node{sinkNode("a", "rows", "x.csv"), step("b", "drop", "a")}, "b", "input", []string{"is a sink"}},
		"one file twice":      {[]Node{sinkNode("a", "rows", "d/x.csv"), sinkNode("b", "rows", "d/./x.csv")}, "b", "", []string{"written by a, too"}},
		"source with use":     {[]Node{{Name: "a", Kind: KindSource}}, "a", "", []string{"names a file"}},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := c.nodes
			if nodes != nil {
				nodes = append([]Node{rowsNode(t, 4)}, nodes...)
			}
			plan, problems := MakePlan(context.Background(), Pipeline{Name: "p", Nodes: nodes}, newFleet(t), Options{})
			if plan != nil || len(problems) != 1 {
				t.Fatalf("plan %v, problems %v", plan, problems)
			}
			p := problems[0]
			if p.Node != c.node || strings.Join(p.Path, ".") != c.path {
				t.Errorf("the problem is at %q, %q", p.Node, p.Path)
			}
			for _, s := range c.says {
				if !strings.Contains(p.Error(), s) {
					t.Errorf("%q does not say %q", p, s)
				}
			}
		})
	}
}

func TestSourceProblemsKeepTheirType(t *testing.T) {
	nodes := []Node{{Name: "rows", Kind: KindSource, Source: &source.Spec{Path: "none.csv"}}, step("a", "drop", "rows")}
	plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, nil, Options{})
	if plan != nil || len(problems) != 1 {
		t.Fatalf("plan %v, problems %v", plan, problems)
	}
	if e, ok := errors.AsType[*source.Error](problems[0]); !ok || e.Summary != "Missing file" {
		t.Errorf("problem %v", problems[0])
	}
}
