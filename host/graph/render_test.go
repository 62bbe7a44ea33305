// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"
)

func rendered(g *Graph, f Format, o Options) (string, error) {
	var b strings.Builder
	err := Render(&b, g, f, o)
	return b.String(), err
}

func mustRender(t testing.TB, g *Graph, f Format, o Options) string {
	t.Helper()
	s, err := rendered(g, f, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEveryFormatTellsEverything: what is known of nodes and edges stands in
// each format.
func TestEveryFormatTellsEverything(t *testing.T) {
	facts := []string{"clean", "data.prepare", "ok", "212 ms", "CPU 190 ms", "peak 42 MiB", "cache miss", "12 rows dropped", "failed", "skipped", "9,988 rows", "625 KiB", "out/scores.parquet", "◆"}
	for _, f := range Formats() {
		text := html.UnescapeString(mustRender(t, churn(), f, Options{}))
		for _, fact := range facts {
			if f == HTML && fact == "cache miss" || f == SVG && fact == "◆" {
				continue // "Cache" is a column; the star is a path
			}
			if !strings.Contains(mermaidPlain(text), fact) {
				t.Errorf("%s does not tell %q", f, fact)
			}
		}
	}
}

// mermaidPlain decodes the entities of Mermaid.
func mermaidPlain(s string) string {
	return regexp.MustCompile(`#(\d+);`).ReplaceAllStringFunc(s, func(m string) string {
		n, _ := strconv.Atoi(m[1 : len(m)-1])
		return string(rune(n))
	})
}

func TestBeforeARun(t *testing.T) {
	g := fan(3, 1)
	for _, f := range Formats() {
		text := mustRender(t, g, f, Options{})
		if !strings.Contains(mermaidPlain(text), "algorithms.gbdt") || strings.Contains(text, "0 µs") || strings.Contains(text, "-1 row") {
			t.Errorf("%s draws a plan as\n%.2000s", f, text)
		}
	}
	if page := mustRender(t, g, HTML, Options{}); strings.Contains(page, "Peak memory") || strings.Contains(page, "Critical path") {
		t.Error("a plan has columns of a run")
	}
}

func TestUnknownFormat(t *testing.T) {
	_, err := rendered(churn(), "png", Options{})
	if err == nil || !strings.Contains(err.Error(), "svg") {
		t.Errorf("err = %v, want one that lists the formats", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestRenderReportsTheWriter(t *testing.T) {
	if err := Render(brokenWriter{}, churn(), SVG, Options{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("err = %v", err)
	}
}

func TestCritical(t *testing.T) {
	g := churn()
	path, err := Critical(g)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"rows", "clean", "model", "out"}; !slices.Equal(path, want) {
		t.Errorf("path %v, want %v", path, want)
	}
	for i, want := range []bool{true, true, false, false, false, true, false} {
		if g.Edges[i].Critical != want {
			t.Errorf("edge %d is critical: %v", i, !want)
		}
	}
	g.Nodes[3].Wall = time.Minute // drift
	if path, _ = Critical(g); !slices.Equal(path, []string{"rows", "clean", "drift"}) {
		t.Errorf("path %v does not go through the slow node", path)
	}
	if g.Nodes[2].Critical {
		t.Error("the old path is still marked")
	}
	if path, _ = Critical(fan(3, 2)); len(path) != 0 {
		t.Errorf("a plan has the critical path %v", path)
	}
}

// checkXML wants well-formed XML of known elements that loads nothing.
func checkXML(t testing.TB, text string) (elements map[string]int) {
	t.Helper()
	allowed := strings.Fields("svg title desc style rect g text tspan path")
	elements = map[string]int{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		elements[start.Name.Local]++
		if !slices.Contains(allowed, start.Name.Local) {
			t.Errorf("<%s> came from outside", start.Name.Local)
		}
		for _, a := range start.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || a.Name.Local == "src" {
				t.Errorf("<%s %s=%q> came from outside", start.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

func TestSVGStandsAlone(t *testing.T) {
	svg := mustRender(t, churn(), SVG, Options{})
	elements := checkXML(t, svg)
	if elements["style"] != 1 || elements["title"] != 1+6+7 || elements["desc"] != 1 {
		t.Errorf("elements %v", elements)
	}
	for _, loader := range []string{"url(", "@import", "https:", "<script", "href", "style=\""} {
		if strings.Contains(svg, loader) {
			t.Errorf("the file has %q", loader)
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", "Critical path: rows, clean, model, out.", `role="graphics-document"`, "compartment data"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the file lacks %q", want)
		}
	}
}

func TestHTMLStandsAlone(t *testing.T) {
	page := mustRender(t, churn(), HTML, Options{Version: "1.2.3"})
	checkPage(t, page)
	between := func(from, to string) string {
		_, rest, _ := strings.Cut(page, from)
		text, _, _ := strings.Cut(rest, to)
		return text
	}
	policy := html.UnescapeString(between(`Content-Security-Policy" content="`, `">`))
	for what, text := range map[string]string{"style": between("<style>", "</style>"), "script": between("<script>", "</script>")} {
		if !strings.Contains(policy, hashOf(text)) {
			t.Errorf("the %s of the page is not the one whose hash is in the policy", what)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	for _, loader := range []string{"url(", "@import", "http:", "https:", "fetch(", "XMLHttpRequest", "innerHTML", "eval("} {
		if strings.Contains(page, loader) {
			t.Errorf("the page has %q", loader)
		}
	}
	for _, want := range []string{"Critical path, 2.2 s", `<th scope="row"><bdi>clean</bdi>`, "Bulkhead 1.2.3", `<label for="search">`, `aria-live="polite"`, "(87 %)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// checkPage wants a well-formed page of known elements with unique ids.
func checkPage(t testing.TB, page string) {
	t.Helper()
	allowed := strings.Fields(`html head meta title style body header main section footer h1 h2 p a bdi div label input button span ul li ol table caption
		thead tbody tr th td br script svg desc g rect text tspan path`)
	ids := map[string]bool{}
	var stack []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		token := z.Token()
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
			checkTag(t, token, allowed, ids)
		}
		switch {
		case kind == html.StartTagToken && !slices.Contains([]string{"meta", "input", "br"}, token.Data):
			stack = append(stack, token.Data)
		case kind == html.EndTagToken:
			if len(stack) == 0 || stack[len(stack)-1] != token.Data {
				t.Fatalf("</%s> closes %v", token.Data, stack)
			}
			stack = stack[:len(stack)-1]
		}
	}
	if len(stack) > 0 {
		t.Errorf("%v is not closed", stack)
	}
	if strings.Count(page, "<script") != 1 || strings.Count(page, "<style") != 1 {
		t.Error("a script or style came from outside")
	}
}

func checkTag(t testing.TB, token html.Token, allowed []string, ids map[string]bool) {
	t.Helper()
	if !slices.Contains(allowed, token.Data) {
		t.Errorf("<%s> came from outside", token.Data)
	}
	for _, a := range token.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
			t.Errorf("<%s %s=%q>", token.Data, a.Key, a.Val)
		}
		if a.Key == "id" {
			if ids[a.Val] {
				t.Errorf("the id %q stands there twice", a.Val)
			}
			ids[a.Val] = true
		}
	}
}

// TestContrast computes what WCAG 2.2 asks of text, 4.5 to 1, in light, dark
// and print.
func TestContrast(t *testing.T) {
	colour := regexp.MustCompile(`--([a-z0-9]+): #([0-9a-f]{6});`)
	for i, theme := range strings.Split(colourStyle, "@media") {
		colours := map[string]string{}
		for _, m := range colour.FindAllStringSubmatch(theme, -1) {
			colours[m[1]] = m[2]
		}
		pairs := [][2]string{}
		for _, text := range []string{"ink", "soft", "error", "warning", "ok", "info", "accent", "critical"} {
			pairs = append(pairs, [2]string{text, "paper"}, [2]string{text, "card"})
		}
		for n := range hues {
			pairs = append(pairs, [2]string{"on", "hue" + strconv.Itoa(n+1)})
		}
		for _, p := range pairs {
			x, y := luminance(t, colours[p[0]]), luminance(t, colours[p[1]])
			if ratio := (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05); ratio < 4.5 {
				t.Errorf("theme %d: %s on %s: %.2f", i, p[0], p[1], ratio)
			}
		}
	}
}

func luminance(t *testing.T, hex string) (sum float64) {
	t.Helper()
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

// FuzzNames: whatever names say, every format stays what it is.
func FuzzNames(f *testing.F) {
	for _, s := range []string{
		"clean", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title></svg><script>", "]]>", "--> n1", "end", `a"];b[label="`, "\\", "a\\",
		"\u202Eevil", "אבג", "日本語のノード", "\x1b[31mred", "a\nb\tc", "\x00\xff\xfe", "#quot;", "%%{init: {}}%%", "n0 --> n1;", "&amp;lt;", "\uFFFF", strings.Repeat("W", 400), "</style>", "e\u0301",
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		g := &Graph{Name: name, Subtitle: text, Nodes: []Node{
			{ID: name + "1", Label: name, Detail: text, Kind: "source", Compartment: name, Group: text, Status: text, Cache: name, Notes: []string{text, name}, Wall: 1},
			{ID: name + "2", Label: text, Kind: text, Compartment: text, Group: text, Status: OK, Wall: 1},
		}, Edges: []Edge{{From: name + "1", To: name + "2", Label: text, Rows: 5, Bytes: -1}}}
		if _, err := Critical(g); err != nil {
			t.Fatal(err)
		}
		for _, format := range Formats() {
			out := mustRender(t, g, format, Options{Width: 60, Version: text})
			if !utf8.ValidString(out) {
				t.Errorf("%s is not UTF-8", format)
			}
			if i := strings.IndexFunc(out, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x202a && r <= 0x202e || r == 0x7f }); i >= 0 {
				t.Errorf("%s has the control character %q", format, out[i:i+1])
			}
			checkFormat(t, format, out)
		}
	})
}

func checkFormat(t *testing.T, format Format, out string) {
	t.Helper()
	switch format {
	case SVG:
		checkXML(t, out)
	case HTML:
		checkPage(t, out)
	case DOT:
		checkDOT(t, out)
	case Mermaid:
		checkMermaid(t, out)
	case Terminal:
		for line := range strings.Lines(out) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > 60 {
				t.Errorf("%d columns: %q", n, line)
			}
		}
	}
}

// dotLine is every line that writeDOT writes, with a string that is closed.
var dotLine = regexp.MustCompile(`^\s*((digraph "S" \{)|(subgraph cluster_\d+ \{)|(label="S";)|\}|((rankdir|labelloc)=\w+;)|((node|edge|n\d+|n\d+ -> n\d+)( \[[a-zA-Z0-9=, "S.]*\])?;))$`)

func checkDOT(t *testing.T, out string) {
	t.Helper()
	quoted := regexp.MustCompile(`"(\\.|[^"\\])*"`)
	for line := range strings.Lines(out) {
		bare := quoted.ReplaceAllString(strings.TrimSuffix(line, "\n"), `"S"`)
		if !dotLine.MatchString(bare) {
			t.Errorf("not the DOT of this package: %q", line)
		}
	}
}

var mermaidLine = regexp.MustCompile(`^\s*((flowchart TD)|(accTitle: T)|(subgraph g\d+\["T"\])|end|(n\d+[\[(/]+"T"[\])/]+)|(n\d+ (-->|==>)(\|"T"\|)? n\d+)|(classDef \w+ fill:T,stroke:T,color:T)|(class [n\d,]+ \w+))$`)

func checkMermaid(t *testing.T, out string) {
	t.Helper()
	quoted := regexp.MustCompile(`"[^"]*"`)
	for line := range strings.Lines(out) {
		bare := quoted.ReplaceAllStringFunc(strings.TrimSuffix(line, "\n"), func(s string) string {
			if strings.ContainsAny(strings.ReplaceAll(s[1:len(s)-1], "<br/>", ""), "<>\"`|[]{};&") && !regexp.MustCompile(`^"([^<>"`+"`"+`|\[\]{};&]|#\d+;|<br/>)*"$`).MatchString(s) {
				t.Errorf("not escaped: %s", s)
			}
			return `"T"`
		})
		bare = regexp.MustCompile(`accTitle: .*`).ReplaceAllString(bare, "accTitle: T")
		bare = regexp.MustCompile(`#[0-9a-f]{6}`).ReplaceAllString(bare, "T")
		if !mermaidLine.MatchString(bare) {
			t.Errorf("not the Mermaid of this package: %q", line)
		}
	}
}
