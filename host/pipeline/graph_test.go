// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// drawn makes a plan without files, and its result.
func drawn(t *testing.T) (*Plan, *Result) {
	t.Helper()
	budgeted := step("model", "scale", "clean")
	budgeted.Budget = time.Minute
	plan, problems := link(Pipeline{Name: `say "hi"`, Nodes: []Node{
		{Name: "rows", Kind: KindSource, Source: &source.Spec{Path: `data/a "b" <c>;|.csv`}},
		step("clean", "drop", "rows"), budgeted, step("end", "score", "clean"),
	}})
	if plan == nil {
		t.Fatal(problems)
	}
	plan.Nodes[0].Rows, plan.Nodes[0].Columns = 569, make([]source.Column, 31)
	at := time.Unix(0, 0)
	return plan, &Result{Nodes: []*NodeResult{
		{Name: "rows", Kind: KindSource, Status: OK, StartedAt: at, Wall: 1234567 * time.Nanosecond, RowsOut: 569},
		{Name: "clean", Kind: KindKernel, Status: OK, StartedAt: at, Wall: 2345 * time.Millisecond, RowsIn: 569, RowsOut: 560, RowsDropped: 9, Transform: &Call{}},
		{Name: "model", Kind: KindKernel, Status: Failed, Reason: "The kernel crashed", StartedAt: at, Wall: 61 * time.Second},
		{Name: "end", Kind: KindKernel, Status: Skipped, Reason: "model failed"},
	}}
}

func TestGraph(t *testing.T) {
	plan, result := drawn(t)
	for _, c := range []struct {
		format Format
		result *Result
		want   string
	}{
		{Mermaid, nil, `flowchart TD
  n0[("rows<br/>data/a #34;b#34; #60;c#62;#59;#124;.csv<br/>569 rows, 31 columns")]
  n1["clean<br/>test.drop<br/>transform"]
  n2["model<br/>test.scale<br/>fit + transform, budget 1m0s"]
  n3["end<br/>test.score<br/>fit"]
  n0 --> n1
  n1 --> n2
  n1 --> n3
`},
		{Mermaid, result, `flowchart TD
  n0[("rows<br/>data/a #34;b#34; #60;c#62;#59;#124;.csv<br/>ok, 1.23ms<br/>569 rows")]
  n1["clean<br/>test.drop<br/>ok, 2.35s<br/>569 -#62; 560 rows<br/>9 dropped"]
  n2["model<br/>test.scale<br/>failed, 1m1s<br/>The kernel crashed"]
  n3["end<br/>test.score<br/>skipped<br/>model failed"]
  n0 -->|569 rows| n1
  n1 -->|560 rows| n2
  n1 -->|560 rows| n3
  classDef ok fill:#e6f4ea,stroke:#137333
  class n0,n1 ok
  classDef failed fill:#fce8e6,stroke:#c5221f
  class n2 failed
  classDef skipped fill:#f1f3f4,stroke:#5f6368
  class n3 skipped
`},
		{DOT, result, `digraph "say \"hi\"" {
  rankdir=TB;
  node [shape=box, fontname="sans-serif"];
  n0 [label="rows\ndata/a \"b\" <c>;|.csv\nok, 1.23ms\n569 rows", shape=cylinder, style=filled, fillcolor="#e6f4ea", color="#137333"];
  n1 [label="clean\ntest.drop\nok, 2.35s\n569 -> 560 rows\n9 dropped", style=filled, fillcolor="#e6f4ea", color="#137333"];
  n2 [label="model\ntest.scale\nfailed, 1m1s\nThe kernel crashed", style=filled, fillcolor="#fce8e6", color="#c5221f"];
  n3 [label="end\ntest.score\nskipped\nmodel failed", style=filled, fillcolor="#f1f3f4", color="#5f6368"];
  n0 -> n1 [label="569 rows"];
  n1 -> n2 [label="560 rows"];
  n1 -> n3 [label="560 rows"];
}
`},
		{Terminal, result, `┌──────────────────────┐
│ rows                 │
│ data/a "b" <c>;|.csv │
│ ok, 1.23ms           │
│ 569 rows             │
└──────────────────────┘
            ▼
┌─────────────────┐
│ clean           │
│ from rows       │
│ test.drop       │
│ ok, 2.35s       │
│ 569 -> 560 rows │
│ 9 dropped       │
└─────────────────┘
         ▼
┌────────────────────┐ ┌──────────────┐
│ model              │ │ end          │
│ from clean         │ │ from clean   │
│ test.scale         │ │ test.score   │
│ failed, 1m1s       │ │ skipped      │
│ The kernel crashed │ │ model failed │
└────────────────────┘ └──────────────┘
`},
	} {
		for range 2 {
			got, err := Graph(plan, c.result, c.format)
			if err != nil || got != c.want {
				t.Errorf("%s:\n%s\nwant\n%s", c.format, got, c.want)
			}
		}
	}
	if _, err := Graph(plan, nil, "png"); err == nil || !strings.Contains(err.Error(), "mermaid") {
		t.Errorf("error %v", err)
	}
}

func TestTerminalKeepsToItsWidth(t *testing.T) {
	nodes := []Node{{Name: "rows", Kind: KindSource, Source: &source.Spec{Path: strings.Repeat("/日本語日本語", 20) + ".csv\x1b[0m"}}}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		nodes = append(nodes, step(name+strings.Repeat("_long", 8), "scale", "rows"))
	}
	plan, problems := link(Pipeline{Nodes: nodes})
	if plan == nil {
		t.Fatal(problems)
	}
	text, err := Graph(plan, nil, Terminal)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if n := columns(strings.TrimSuffix(line, "\n")); n > terminalWidth {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if strings.ContainsRune(text, '\x1b') || strings.Count(text, "┌") != 6 {
		t.Errorf("drawing\n%s", text)
	}
}
