// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCurves(t *testing.T) {
	for name, c := range map[string]struct {
		points []Point
		want   string
	}{
		"line":  {[]Point{{10, 0}, {10, 50}}, "M10 0V50"},
		"curve": {[]Point{{10, 0}, {30.25, 50}}, "M10 0C10 25 30.2 25 30.2 50"},
		"both":  {[]Point{{10, 0}, {10, 20}, {30, 60}, {30, 90}}, "M10 0V20C10 40 30 40 30 60V90"},
		"aside": {[]Point{{10, 0}, {10, 20}, {99, 20}, {99, 80}, {5, 80}, {5, 90}}, "M10 0V20H99V80H5V90"},
	} {
		if got := (Path{Points: c.points}).curve(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func sketchOf(t *testing.T, g *Graph) (*sketch, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	s, err := newSketch(&b, g)
	if err != nil {
		t.Fatal(err)
	}
	return s, &b
}

// TestLabelsStandOnce: a table that goes to many is told once, below its node.
func TestLabelsStandOnce(t *testing.T) {
	s, b := sketchOf(t, fan(30, 1))
	s.labels()
	if n := strings.Count(b.String(), "1,000,000 rows"); n != 1 {
		t.Errorf("the rows of one table stand there %d times", n)
	}
	g := fan(3, 1)
	g.Edges[0].Rows = 5
	s, b = sketchOf(t, g)
	s.labels()
	if !strings.Contains(b.String(), ">5 rows · 80 MiB<") || strings.Count(b.String(), "1,000,000 rows · 80 MiB") != 2 {
		t.Errorf("tables that differ are told as %s", b)
	}
}

// TestStackedLabels: those above one node do not cover each other, and those
// that have no room are in the titles of their edges.
func TestStackedLabels(t *testing.T) {
	g := wired("a t", "a x", "b t", "b x", "c t", "c x", "d t", "d x", "e t", "e x")
	for i := range g.Edges {
		g.Edges[i].Rows = int64(i + 2)
	}
	s, b := sketchOf(t, g)
	s.body()
	heights := map[string]int{}
	for _, m := range regexp.MustCompile(`class="carries" data-ends="\d+ 1" x="[^"]+" y="([^"]+)"`).FindAllStringSubmatch(b.String(), -1) {
		heights[m[1]]++
	}
	if len(heights) != maxStacked {
		t.Errorf("heights of labels above a node: %v", heights)
	}
	for i := range g.Edges {
		if want := fmt.Sprintf(": %d rows</title>", i+2); !strings.Contains(b.String(), want) {
			t.Errorf("no edge has the title %q", want)
		}
	}
}

func TestFrames(t *testing.T) {
	s, b := sketchOf(t, fan(3, 3))
	s.groups()
	if n := strings.Count(b.String(), `class="group"`); n != 3 || !strings.Contains(b.String(), ">train[1]</text>") {
		t.Errorf("%d frames of 3: %s", n, b)
	}
	g := wired("a b", "b c", "c d")
	g.Nodes[0].Group, g.Nodes[3].Group, g.Nodes[2].Group = "around", "around", "alone"
	s, b = sketchOf(t, g)
	s.groups()
	if b.Len() != 0 {
		t.Errorf("a frame holds nodes that are not of its group: %s", b)
	}
}

func TestFamilies(t *testing.T) {
	g := &Graph{}
	for i, name := range []string{"mlops", "data", "zeta", "design", "dance", "d", "data", "日本", ""} {
		g.Nodes = append(g.Nodes, Node{ID: fmt.Sprint(i), Compartment: name})
	}
	g.Nodes = append(g.Nodes, Node{ID: "s", Kind: "source"}, Node{ID: "k", Kind: "kernel", Compartment: "data"})
	letters, hue := map[string]string{}, map[string]int{}
	for _, f := range families(g) {
		if other, ok := letters[f.Letters]; ok {
			t.Errorf("%s and %s both have the letters %q", other, f.Name, f.Letters)
		}
		letters[f.Letters], hue[f.Name] = f.Name, f.Hue
		if f.Hue < 1 || f.Hue > hues {
			t.Errorf("%s has the hue %d", f.Name, f.Hue)
		}
	}
	if hue["data"] != 1 || hue["mlops"] != 4 || hue["source"] == 0 || hue["kernel"] != 0 || len(hue) != 8 {
		t.Errorf("hues %v", hue)
	}
}

func TestMarks(t *testing.T) {
	seen := map[string]bool{}
	for _, status := range []string{OK, Partial, Failed, Skipped, Cancelled, Running} {
		m := markOf(status)
		if m.sign == "" || m.class == "" || seen[m.sign] {
			t.Errorf("%s has the mark %+v", status, m)
		}
		seen[m.sign] = true
		if !strings.Contains(graphStyle, "."+m.class+" .card") {
			t.Errorf("the style has no card of class %q", m.class)
		}
	}
	if m := markOf("undone"); m.sign != "·" || m.class != "other" {
		t.Errorf("another status has the mark %+v", m)
	}
}

// TestBoxesHoldTheirText: by the estimate, no line is wider than its box, and
// what is cut stands in the title whole.
func TestBoxesHoldTheirText(t *testing.T) {
	long := strings.Repeat("very_long_name_", 6)
	for _, n := range []Node{{ID: "a"}, {ID: long}, {ID: "a", Detail: long}, {ID: strings.Repeat("日本", 30)}, {ID: "a", Notes: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}}} {
		w, h := boxSize(&n)
		if w < nodeMin || w > nodeMax || h > 14+nameLine+maxLines*textLine {
			t.Errorf("%q is %g x %g", n.ID, w, h)
		}
		s, b := sketchOf(t, &Graph{Nodes: []Node{n}})
		s.node(0)
		title, rest, _ := strings.Cut(b.String(), "</title>")
		for _, line := range append([]string{n.ID}, n.lines()...) {
			if !strings.Contains(title, line) {
				t.Errorf("the title %q lacks %q", title, line)
			}
		}
		for _, m := range regexp.MustCompile(`>([^<]+)</text>`).FindAllStringSubmatch(rest, -1) {
			if lineWidth(m[1]) > w {
				t.Errorf("%q is wider than its box of %g", m[1], w)
			}
		}
	}
	n := Node{ID: "a", Notes: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}}
	if got := n.shown(); len(got) != maxLines || got[maxLines-1] != "and 4 more" {
		t.Errorf("shown %q", got)
	}
}

func TestFit(t *testing.T) {
	measure := func(s string) float64 { return float64(columns(s)) }
	for _, c := range []struct {
		in    string
		limit float64
		want  string
	}{{"short", 5, "short"}, {"data/2026/churn.csv", 10, "data/….csv"}, {"日本語日本語", 7, "日本…語"}, {"abcdef", 1, "…"}} {
		got := fit(c.in, c.limit, measure)
		if columns(got) > int(c.limit) {
			t.Errorf("%q cut to %g columns is %q", c.in, c.limit, got)
		}
		if got != c.want {
			t.Errorf("%q cut to %g columns: %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func TestCarries(t *testing.T) {
	for want, e := range map[string]Edge{
		"": {Rows: -1, Bytes: -1}, "1 row": {Rows: 1, Bytes: -1}, "0 rows · 0 B": {}, "x": {Label: " x\n", Rows: -1, Bytes: -1}, "train · 1,000 rows · 2 KiB": {Label: "train", Rows: 1000, Bytes: 2048},
	} {
		if got := e.carries(); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}

func TestDescription(t *testing.T) {
	n := Node{ID: "x", Label: "clean", Kind: "kernel", Compartment: "data", Group: "for_each", Detail: "data.prepare", Status: OK, Wall: 2 * time.Second, Cache: "hit", Notes: []string{"12 rows dropped"}, Critical: true}
	if got, want := n.describe(), "kernel clean, compartment data, of for_each, data.prepare, ✓ ok · 2.0 s, cache hit, 12 rows dropped, on the critical path"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHeadBreaksItsLegend(t *testing.T) {
	g := &Graph{}
	for i := range 30 {
		g.Nodes = append(g.Nodes, Node{ID: fmt.Sprint(i), Compartment: fmt.Sprintf("compartment %d", i)})
	}
	g.Nodes = g.Nodes[:30:30]
	s, _ := sketchOf(t, g)
	lines, n := s.legendLines(), 0
	for _, line := range lines {
		width := 0.0
		for _, item := range line {
			width += item.width()
			n++
		}
		if width > max(s.layout.Width, minWidth) {
			t.Errorf("a line of the legend is %g wide", width)
		}
	}
	if n != 30 || len(lines) < 2 {
		t.Errorf("%d of 30 meanings on %d lines", n, len(lines))
	}
}

func TestSummaryOfThePicture(t *testing.T) {
	s, _ := sketchOf(t, skips(700, 300))
	if got := summary(s.g, s.layout); !strings.Contains(got, "beside the drawing") || !strings.HasPrefix(got, "700 nodes, ") {
		t.Errorf("summary %q", got)
	}
	if got := title(&Graph{}); got != "Pipeline" {
		t.Errorf("title %q", got)
	}
}

func TestEmptyGraph(t *testing.T) {
	for _, f := range Formats() {
		checkFormat(t, f, mustRender(t, &Graph{}, f, Options{Width: 60}))
	}
}

func TestDOT(t *testing.T) {
	g := churn()
	g.Nodes[1].Group = "prep"
	lines := strings.Split(mustRender(t, g, DOT, Options{}), "\n")
	for _, want := range []string{
		`digraph "churn" {`, `  subgraph cluster_1 {`, `    label="prep";`, `  n0 -> n1 [label="10,000 rows · 793 KiB", penwidth=3];`, `  n3 -> n4;`,
		`    n1 [label="◆ clean (data)\ndata.prepare\n✓ ok · 212 ms · CPU 190 ms\npeak 42 MiB · cache miss\n12 rows dropped", fillcolor="#e6f4ea", color="#11652c", fontcolor="#16191d", penwidth=3];`,
		`  n3 [label="drift (infrastructure)\ninfrastructure.monitor\n✗ failed · 80 ms\nthe column \"age\" is missing", fillcolor="#fce8e6", color="#b3130f", fontcolor="#16191d"];`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line is\n%s\nin\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func TestMermaid(t *testing.T) {
	g := churn()
	g.Nodes[1].Group = "prep"
	lines := strings.Split(mustRender(t, g, Mermaid, Options{}), "\n")
	for _, want := range []string{
		`flowchart TD`, `  subgraph g1["prep"]`, `  end`, `  n0 ==>|"10#44;000 rows · 793 KiB"| n1`, `  n3 --> n4`, `  classDef failed fill:#fce8e6,stroke:#b3130f,color:#16191d`, `  class n3 failed`,
		`  n0[("◆ rows<br/>data/churn.csv<br/>✓ ok · 41 ms<br/>8 columns")]`, `  n3["drift (infrastructure)<br/>infrastructure.monitor<br/>✗ failed · 80 ms<br/>the column #34;age#34; is missing"]`,
	} {
		if !slices.Contains(lines, strings.ReplaceAll(want, "10#44;", "10,")) {
			t.Errorf("no line is\n%s\nin\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

// TestMermaidNamesAreHarmless: words of the language are names here.
func TestMermaidNamesAreHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"end": "end", "a;b": "a#59;b", `"x"`: "#34;x#34;", "<b>": "#60;b#62;", "a#b": "a#35;b", "`x`": "#96;x#96;", "[x]": "#91;x#93;", "x|y": "x#124;y", "a\nb": "a b", "日本": "日本",
	} {
		if got := mermaidText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTablesOfThePage(t *testing.T) {
	g := churn()
	page := mustRender(t, g, HTML, Options{})
	if n := strings.Count(page, `<tr id="row`); n != len(g.Nodes) {
		t.Errorf("%d rows of nodes", n)
	}
	if strings.Contains(page, ">Group<") {
		t.Error("a page without groups has a column for them")
	}
	for _, want := range []string{
		`<td class="state error">✗ failed</td><td class="number">80 ms</td>`, `<td><bdi>rows</bdi></td><td><bdi>clean</bdi></td><td>10,000 rows · 793 KiB</td>`,
		`<a href="#row2"><bdi>model</bdi></a>, 1.9 s (87 %)`, `<bdi>the column &#34;age&#34; is missing</bdi>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}
