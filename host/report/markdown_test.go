// SPDX-License-Identifier: Apache-2.0

package report

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestProseIsInert(t *testing.T) {
	for in, want := range map[string]string{
		"plain words, 3.11.7 (a)":    `plain words, 3.11.7 \(a\)`,
		"<script>x</script>":         "&lt;script&gt;x&lt;/script&gt;",
		"[a](javascript:alert(1))":   `\[a\]\(javascript:alert\(1\)\)`,
		"![x](http://e/x)":           `\!\[x\]\(http:` + breaker + `//e/x\)`,
		"see https://evil.example":   "see https:" + breaker + "//evil.example",
		"www.evil.example":           "www" + breaker + ".evil.example",
		"WWW.evil.example":           "WWW" + breaker + ".evil.example",
		"mail a@b.example":           "mail a@" + breaker + "b.example",
		"@team, see #12 and GH-3":    "@" + breaker + `team, see \#` + breaker + "12 and GH-" + breaker + "3",
		"mailto:a@b":                 "mailto:" + breaker + "a@" + breaker + "b",
		"a | b":                      `a \| b`,
		"- item":                     `\- item`,
		"1. item":                    `1\. item`,
		"1.2.3":                      "1.2.3",
		"# head\n> quote\n```\ncode": `\#` + breaker + " head &gt; quote \\`\\`\\` code",
		"&lt;b&gt; &#106;":           `&amp;lt;b&amp;gt; &amp;\#` + breaker + `106;`,
		"$x$ ~~y~~ __z__ *q*":        `\$x\$ \~\~y\~\~ \_\_z\_\_ \*q\*`,
		`\<b>`:                       `\\&lt;b&gt;`,
		"":                           "",
	} {
		if got := prose(in); got != want {
			t.Errorf("prose(%q) = %q, want %q", in, got, want)
		}
	}
}

var (
	markdownEscape = regexp.MustCompile("\\\\([\\\\`*_{}\\[\\]()#!|~$.+=-])")
	bareMarkup     = regexp.MustCompile("(?:^|[^\\\\])(?:\\\\\\\\)*[`*_{}\\[\\]#!|~$<>]")
)

// TestProseKeepsTheText: undoing the escapes gives the text back, and nothing
// that Markdown obeys stands there unescaped.
func TestProseKeepsTheText(t *testing.T) {
	draw := rapid.OneOf(nasty, rapid.StringOf(rapid.SampledFrom([]rune("ab1 \\`*_{}[]()#!|~$<>&.+-=:/@wWgGhH\n"))))
	rapid.Check(t, func(rt *rapid.T) {
		in := draw.Draw(rt, "text")
		out := strings.ReplaceAll(prose(in), breaker, "")
		if m := bareMarkup.FindString(out); m != "" {
			rt.Errorf("prose(%q) = %q has bare %q", in, out, m)
		}
		back := markdownEscape.ReplaceAllString(out, "$1")
		if back = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(back); back != CleanLine(in) {
			rt.Errorf("prose(%q) reads %q", in, back)
		}
	})
}

// TestCodeCannotBeLeft: neither a span nor a block ends where its text says.
func TestCodeCannotBeLeft(t *testing.T) {
	draw := rapid.StringOf(rapid.SampledFrom([]rune("a` ~\n<|")))
	rapid.Check(t, func(rt *rapid.T) {
		in := draw.Draw(rt, "text")
		if span := codeSpan(in); span != "" {
			fence := span[:len(span)-len(strings.TrimLeft(span, "`"))]
			inner := strings.TrimSuffix(strings.TrimPrefix(span, fence), fence)
			if longestRun(inner, '`') >= len(fence) || strings.Contains(span, "\n") || !strings.HasSuffix(span, fence) {
				rt.Errorf("codeSpan(%q) = %q", in, span)
			}
		}
		var m markdown
		m.block("sh", strings.Split(in, "\n"))
		text := strings.TrimRight(m.buf.String(), "\n")
		fence := text[:len(text)-len(strings.TrimLeft(text, "`"))]
		for i, line := range strings.Split(text, "\n") {
			last := i == strings.Count(text, "\n")
			if i > 0 && !last && strings.HasPrefix(strings.TrimLeft(line, " "), fence) {
				rt.Errorf("%q ends the block early:\n%s", line, text)
			}
		}
	})
}

// TestTablesKeepTheirColumns: a bar in a cell does not begin another.
func TestTablesKeepTheirColumns(t *testing.T) {
	bar := regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*\|`)
	rapid.Check(t, func(rt *rapid.T) {
		d := someDoctor.Draw(rt, "doctor")
		for i := range d.Areas {
			d.Areas[i].Headline = rapid.SampledFrom([]string{"a | b", `a \| b`, "`|`", "|"}).Draw(rt, "headline")
		}
		for line := range strings.SplitSeq(written(rt, d, Markdown, Options{}), "\n") {
			if strings.HasPrefix(line, "| ") && strings.HasSuffix(line, " |") && !strings.Contains(line, "`") {
				if n := len(bar.FindAllString(line, -1)); n != 4 && n != 3 {
					rt.Errorf("%d bars in %q", n, line)
				}
			}
		}
	})
}

func TestMarkdownTellsTheRootCauseFirst(t *testing.T) {
	text := written(t, judged(), Markdown, Options{})
	at := 0
	for _, s := range []string{
		"# Diagnosis of this machine", "2 errors, 3 warnings", "| gpu | error |", "## Root cause: The NVIDIA driver is not loaded", "```sh\nsudo apt-get",
		"<details><summary>Explains 2 more</summary>", "## Also: /dev/shm", "<summary>Waived (1)</summary>", "**waived by ada until 2027-01-31: the cluster team decides**", "<summary>Skipped (3)</summary>",
	} {
		next := strings.Index(text[at:], s)
		if next < 0 {
			t.Fatalf("%q does not follow in:\n%s", s, text)
		}
		at += next
	}
}
