// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// allowedElements are those of the template. Anything else came from a plugin.
var allowedElements = set(`html head meta title style body header main section article footer h1 h2 h3 h4 p span strong br
	table caption thead tbody tr th td code pre details summary ul li div a`)

// allowedAttributes load nothing; href points into the page.
var allowedAttributes = set(`lang charset http-equiv content name viewport class id scope aria-label aria-labelledby tabindex href data-name`)

// voidElements have no end.
var voidElements = set("meta br")

// checkPage holds a page to its promises: well-formed, with nothing that runs
// or that is loaded, and with the structure that a screen reader needs.
func checkPage(t judge, page string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(page))
	var stack []string
	counts, ids, labelled := map[string]int{}, map[string]int{}, []string{}
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			break
		}
		tok := z.Token()
		switch kind {
		case html.CommentToken:
			t.Errorf("a comment: %q", tok.Data)
		case html.StartTagToken:
			counts[tok.Data]++
			if !allowedElements[tok.Data] {
				t.Errorf("<%s> came from outside", tok.Data)
			}
			for _, a := range tok.Attr {
				switch {
				case !allowedAttributes[a.Key]:
					t.Errorf("<%s %s=%q> came from outside", tok.Data, a.Key, a.Val)
				case a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
					t.Errorf("a link leads to %q", a.Val)
				case a.Key == "id":
					ids[a.Val]++
				case a.Key == "aria-labelledby":
					labelled = append(labelled, a.Val)
				}
			}
			if !voidElements[tok.Data] {
				stack = append(stack, tok.Data)
			}
		case html.EndTagToken:
			if len(stack) == 0 || stack[len(stack)-1] != tok.Data {
				t.Fatal(fmt.Sprintf("</%s> closes %v", tok.Data, stack))
			}
			stack = stack[:len(stack)-1]
		}
	}
	for name, want := range map[string]int{"html": 1, "title": 1, "main": 1, "h1": 1, "header": 1, "footer": 1, "style": 1} {
		if counts[name] != want {
			t.Errorf("%d <%s>", counts[name], name)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %q stands there %d times", id, n)
		}
	}
	for _, id := range labelled {
		if ids[id] == 0 {
			t.Errorf("nothing has the id %q", id)
		}
	}
	if len(stack) > 0 {
		t.Errorf("%v is not closed", stack)
	}
}

func TestPagesAreSelfContained(t *testing.T) {
	for name, d := range exports() {
		if !slices.Contains(d.Formats(), HTML) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			page := written(t, d, HTML, exportOptions())
			checkPage(t, page)
			if !strings.Contains(page, `<html lang="en">`) || !strings.Contains(page, "default-src &#39;none&#39;") {
				t.Error("the language or the policy is missing")
			}
			if len(page) > 200<<10 {
				t.Errorf("%d bytes", len(page))
			}
		})
	}
}

func TestAnyPage(t *testing.T) {
	evil := rapid.OneOf(nasty, rapid.SampledFrom([]string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</style><script>", "<!--", "]]>", "javascript:alert(1)", `' onmouseover='x`, "&lt;b&gt;", "<svg/onload=x>",
	}))
	rapid.Check(t, func(rt *rapid.T) {
		d := someDoctor.Draw(rt, "doctor")
		for i := range d.Findings {
			f := &d.Findings[i]
			f.Title, f.Subject, f.Detail, f.Severity = evil.Draw(rt, "title"), evil.Draw(rt, "subject"), evil.Draw(rt, "detail"), evil.Draw(rt, "severity")
			f.Remedies = []Remedy{{Summary: evil.Draw(rt, "summary"), Risk: evil.Draw(rt, "risk"), Preview: []string{evil.Draw(rt, "preview")}}}
			f.Waived = &Waiver{Until: evil.Draw(rt, "until"), Reason: evil.Draw(rt, "reason")}
		}
		docs := func(string) (check.Doc, bool) {
			return check.Doc{Meaning: evil.Draw(rt, "meaning"), References: []string{evil.Draw(rt, "reference")}}, true
		}
		page := written(rt, d, HTML, Options{Docs: docs})
		harmless(rt, "html", page)
		checkPage(rt, page)
		checkPage(rt, written(rt, someRun.Draw(rt, "run"), HTML, Options{}))
	})
}

// TestPagePolicyAllowsItsOwnStyleOnly: what stands between the tags is what the
// policy has the hash of, and the style loads nothing.
func TestPagePolicyAllowsItsOwnStyleOnly(t *testing.T) {
	page := written(t, sick(), HTML, Options{})
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, ok := strings.Cut(rest, "</style>")
	if !ok || style != pageStyle {
		t.Error("the style of the page is not the one whose hash is in the policy")
	}
	for _, loader := range []string{"url(", "@import", "http:", "https:", "src", "expression", "</"} {
		if strings.Contains(pageStyle, loader) {
			t.Errorf("the style has %q", loader)
		}
	}
}

// TestRootCauseComesFirst: the first article is the root cause, what it
// explains is folded below it, and the areas are those of the text.
func TestRootCauseComesFirst(t *testing.T) {
	page := written(t, judged(), HTML, exportOptions())
	order := []string{
		"2 errors, 3 warnings", `Root cause: <a href="#cause">The NVIDIA driver is not loaded</a>, which explains 2 more`, "<h2 id=\"areas\">", `<article id="cause"`,
		"sudo modprobe nvidia", "<details><summary>Explains 2 more</summary>", "torch cannot see a GPU", "About this finding", "<summary>Waived (1)</summary>",
		"waived by ada until 2027-01-31", "<summary>Skipped (3)</summary>", "12 ms",
	}
	at := 0
	for _, s := range order {
		next := strings.Index(page[at:], s)
		if next < 0 {
			t.Fatalf("%q does not follow", s)
		}
		at += next
	}
}

// TestContrast computes what WCAG 2.2 asks of text: 4.5 to 1.
func TestContrast(t *testing.T) {
	colour := regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`)
	for _, theme := range strings.SplitN(pageStyle, "prefers-color-scheme: dark", 2) {
		end := strings.Index(theme, "* {")
		if end < 0 {
			end = len(theme)
		}
		colours := map[string]string{}
		for _, m := range colour.FindAllStringSubmatch(theme[:end], -1) {
			colours[m[1]] = m[2]
		}
		for _, text := range []string{"ink", "soft", "error", "warning", "ok", "info", "accent"} {
			for _, ground := range []string{"paper", "card", "code"} {
				if text != "ink" && ground == "code" {
					continue
				}
				if ratio := contrast(t, colours[text], colours[ground]); ratio < 4.5 {
					t.Errorf("%s #%s on %s #%s: %.2f", text, colours[text], ground, colours[ground], ratio)
				}
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
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
