// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func trimLines(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		out = append(out, strings.TrimRight(line, " "))
	}
	return strings.Join(out, "\n")
}

// causeText renders a report with one root cause.
func causeText(opt Options, f Finding, others ...Finding) string {
	f.ID, f.Code = "a.cause", "a.cause"
	cause := RootCause{ID: f.ID, Code: f.Code, Severity: f.Severity, Title: f.Title}
	d := Doctor{Findings: []Finding{f}}
	for _, o := range others {
		d.Findings = append(d.Findings, o)
		cause.Explains = append(cause.Explains, o.ID)
	}
	return rendered(opt, func(p *page) { p.fullCause(&d, cause, f, true) })
}

func TestRootCauseText(t *testing.T) {
	folded := func(n int) []Finding {
		var out []Finding
		for i := range n {
			id := fmt.Sprintf("b.effect-%d", i)
			out = append(out, Finding{ID: id, Code: id, Severity: Warning, Title: "Effect", Confidence: 1})
		}
		return out
	}
	for _, tt := range []struct {
		what   string
		opt    Options
		f      Finding
		others []Finding
		want   string
	}{
		{"a title alone", Options{}, Finding{Severity: Error, Title: "Broken", Confidence: 1}, nil, `
Root cause (error): Broken

`},
		{"a long title", Options{Width: 40}, Finding{Severity: Warning, Title: "Something rather long is broken", Confidence: 1}, nil, `
Root cause (warning): Something rather
                      long is broken

`},
		{"subject, cause, doubt", Options{}, Finding{Severity: Error, Title: "Broken", Subject: "/opt/venv", Detail: "It is.", Cause: "Of this.", Confidence: 0.8}, nil, `
Root cause (error): Broken
  At: /opt/venv
  It is.
  Because: Of this.
  Confidence: 80 %

`},
		{"evidence", Options{Width: 50}, Finding{Severity: Error, Title: "Broken", Confidence: 1, Evidence: []fact.Evidence{
			{Path: "/etc/os-release", Line: 3, Value: "ID=debian"},
			{Path: "/etc/a/very/long/path/that/does/not/fit/here/at/all.conf", Value: "some value that is long as well"},
			{Call: "statfs", Value: "64"},
			{Fact: "cpu.count"},
			{Fact: "cpu.more", Value: "5"},
		}}, nil, `
Root cause (error): Broken
  Seen:
    /etc/os-release:3  ID=debian
    /etc/a/v...t/here/at/all.conf  some value t...
    statfs  64
    cpu.count
    and 1 more

`},
		{"few folded", Options{}, Finding{Severity: Error, Title: "Broken", Confidence: 1}, folded(4), `
Root cause (error): Broken
  Explains 4 more: b.effect-0, b.effect-1, b.effect-2, b.effect-3

`},
		{"many folded", Options{}, Finding{Severity: Error, Title: "Broken", Confidence: 1}, folded(9), `
Root cause (error): Broken
  Explains 9 more: b.effect-0, b.effect-1, b.effect-2 and 6 others

`},
		{"folded with -v", Options{Verbose: true}, Finding{Severity: Error, Title: "Broken", Confidence: 1}, folded(1), `
Root cause (error): Broken
  Explains 1 more:
    warning  Effect
             b.effect-0
  More: bulkhead explain a.cause

`},
		{"remedies", Options{}, Finding{Severity: Error, Title: "Broken", Confidence: 1, Remedies: []Remedy{
			{Summary: "Do this.", Risk: "high", Preview: []string{"first", "second"}},
			{Summary: "Or that.", Risk: "low"},
			{Summary: "Or hope.", Risk: "low"},
		}, Verify: []string{"true"}}, nil, `
Root cause (error): Broken
  Fix (high risk): Do this.
      first
      second
  and 2 other ways with -v

`},
		{"remedies with -v", Options{Verbose: true}, Finding{Severity: Error, Title: "Broken", Confidence: 1, Remedies: []Remedy{
			{Summary: "Do this.", Risk: "medium", Preview: []string{"first"}},
			{Summary: "Or that.", Risk: "low"},
		}, Verify: []string{"test -e /dev/nvidia0"}}, nil, `
Root cause (error): Broken
  Fix (medium risk): Do this.
      first
  Fix: Or that.
  Then check with:
      test -e /dev/nvidia0
  More: bulkhead explain a.cause

`},
		{"a long preview", Options{}, Finding{Severity: Error, Title: "Broken", Confidence: 1, Remedies: []Remedy{
			{Summary: "Write this.", Risk: "low", Preview: strings.Split("1 2 3 4 5 6 7 8 9 10", " ")},
		}}, nil, `
Root cause (error): Broken
  Fix: Write this.
      1
      2
      3
      4
      5
      6
      7
      8
      # and 2 more lines with -v

`},
		{"the content of a file is never broken", Options{Width: 40}, Finding{Severity: Error, Title: "Broken", Confidence: 1, Remedies: []Remedy{
			{Summary: "Write this.", Kind: "write-file", Risk: "low", Preview: []string{"# /etc/a.conf", "  key = a long line of a file that is wider than the page"}},
		}}, nil, `
Root cause (error): Broken
  Fix: Write this.
      # /etc/a.conf
        key = a long line of a file that is wider than the page

`},
		{"a preview with line feeds, indentation and a comment", Options{Width: 44}, Finding{Severity: Error, Title: "Broken", Confidence: 1, Remedies: []Remedy{
			{Summary: "Write this.", Risk: "low", Preview: []string{"{\n  \"a\": 1\n}", "# a comment that is longer than one line of it"}},
		}}, nil, `
Root cause (error): Broken
  Fix: Write this.
      {
        "a": 1
      }
      # a comment that is longer than one
        line of it

`},
	} {
		t.Run(tt.what, func(t *testing.T) {
			same(t, tt.want[1:], causeText(tt.opt, tt.f, tt.others...))
		})
	}
}

func TestAreaLines(t *testing.T) {
	areas := []Area{
		{"gpu", Healthy, "2 GPUs"}, {"a-very-long-name-of-an-area", Error, "broken"}, {"x", Warning, strings.Repeat("long ", 20)},
		{"y", Unknown, ""}, {"z", Skipped, "not wanted"}, {"i", Info, "note"}, {"o", "odd\x1b[0m", "from a newer version"},
	}
	same(t, `  gpu               ok       2 GPUs
  a-very-long-n...  error    broken
  x                 warning  long long long...
  y                 unknown
  z                 skipped  not wanted
  i                 info     note
  o                 odd      from a newer ve...

`, rendered(Options{Width: 47}, func(p *page) { p.areas(areas) }))
}

func TestCountsAndNext(t *testing.T) {
	for _, tt := range []struct {
		d            Doctor
		counts, next string
	}{
		{Doctor{}, "Nothing wrong was found", ""},
		{Doctor{Summary: Summary{Errors: 1, Warnings: 2, Unknown: 3, Infos: 1}, RootCauses: []RootCause{{Code: "a.b"}, {Code: "c.d"}}}, "1 error, 2 warnings, 3 unknown, 1 note", "bulkhead explain a.b"},
		{Doctor{Summary: Summary{Infos: 2}}, "Nothing wrong was found, 2 notes", "bulkhead doctor -v"},
		{Doctor{Summary: Summary{ChecksSkipped: 2}}, "Nothing wrong was found", "bulkhead doctor -v"},
		{Doctor{Diagnostics: []Diagnostic{{Summary: "x"}}}, "Nothing wrong was found", "bulkhead doctor -v"},
	} {
		if got := counts(tt.d.Summary); got != tt.counts {
			t.Errorf("counts = %q, want %q", got, tt.counts)
		}
		if got := tt.d.next(); got != tt.next {
			t.Errorf("next = %q, want %q", got, tt.next)
		}
	}
}

func TestTargetString(t *testing.T) {
	for want, target := range map[string]Target{
		"this machine":            {Kind: TargetMachine},
		"/mnt/disk":               {Kind: TargetRoot, Path: "/mnt/disk"},
		"the snapshot facts.json": {Kind: TargetSnapshot, Path: "facts.json"},
	} {
		if got := target.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
