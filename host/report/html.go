// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

//go:embed html/style.css
var pageStyle string

//go:embed html/page.tmpl
var pageSource string

// pagePolicy lets the page show its own style and do nothing else: no script,
// no picture, no font, no connection, no form.
func pagePolicy() string {
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", styleHash())
}

func styleHash() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// pages escapes by context (html/template), after line and text have cleaned. It
// is parsed for the first page: most reports are read in a terminal.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"line": CleanLine, "text": Clean, "place": place, "duration": duration, "level": level,
		"style":    func() template.CSS { return template.CSS(pageStyle) },
		"policy":   pagePolicy,
		"word":     func(status string) string { word, _ := markOf(status); return word },
		"class":    classOf,
		"json":     func(raw json.RawMessage) string { return string(raw) },
		"percent":  percent,
		"risky":    risky,
		"commands": commandBlocks,
	}).Parse(pageSource))
})

// classOf is the style of a status; the word is always written beside it.
func classOf(status string) string {
	switch status {
	case Healthy, RunOK:
		return "ok"
	case Error, RunFailed, RunTimedOut, RunRefused:
		return "error"
	case Warning, RunCancelled:
		return "warning"
	case Info, Unknown:
		return status
	}
	return "other"
}

// commandBlocks are the stretches of a preview that are copied at once: the
// whole of it.
func commandBlocks(r Remedy) []string {
	if len(r.Preview) == 0 {
		return nil
	}
	return []string{strings.Join(r.Preview, "\n")}
}

// pageFoot is the last line of a page.
type pageFoot struct{ Version, Time, Note string }

func footOf(tool Tool, at time.Time, redacted bool) pageFoot {
	f := pageFoot{Version: tool.Version, Time: stamp(at)}
	if redacted {
		f.Note = "Names, addresses and secrets are replaced."
	}
	return f
}

// pageCause is a root cause with what is folded under it.
type pageCause struct {
	Label   string
	Finding Finding
	Folded  []Finding
	Doc     check.Doc
}

// WriteHTML writes the diagnosis as one page that needs nothing but itself: no
// script, no network. It is readable in light and dark, narrow and on paper.
func (d Doctor) WriteHTML(w io.Writer, opt Options) error {
	return writePage(w, "the diagnosis", "doctor", struct {
		Title, Counts, Run, Incomplete string
		D                              Doctor
		Causes                         []pageCause
		Groups                         []group
		Notes                          []Diagnostic
		Foot                           pageFoot
	}{
		Title: "Diagnosis of " + d.Target.String(), Counts: counts(d.Summary), D: d, Causes: d.pageCauses(opt), Groups: d.lesserGroups(),
		Run:        fmt.Sprintf("%s run, %d skipped, %s, level %d.", plural(d.Summary.ChecksRun, "check"), d.Summary.ChecksSkipped, duration(d.DurationMS), max(d.Level, 1)),
		Incomplete: incompleteReason(&d), Notes: weighty(d.Diagnostics), Foot: footOf(d.Tool, d.StartedAt, d.Redacted),
	})
}

func (d *Doctor) pageCauses(opt Options) (out []pageCause) {
	for i, c := range d.RootCauses {
		f, ok := d.finding(c.ID)
		if !ok {
			continue
		}
		cause := pageCause{Label: causeLabel(i == 0), Finding: f, Doc: opt.doc(f.Code)}
		for _, id := range c.Explains {
			if folded, ok := d.finding(id); ok {
				cause.Folded = append(cause.Folded, folded)
			}
		}
		out = append(out, cause)
	}
	return out
}

// WriteHTML writes the facts as one page; see Doctor.WriteHTML.
func (f Facts) WriteHTML(w io.Writer) error {
	return writePage(w, "the facts", "facts", struct {
		Title string
		Facts []fact.Fact
		Notes []Diagnostic
		Foot  pageFoot
	}{"Facts of " + f.Target.String(), fact.NewSet(f.Facts).All(), weighty(f.Diagnostics), footOf(f.Tool, f.CollectedAt, f.Redacted)})
}

// pageReport is what a kernel said, as text.
type pageReport struct{ Name, Text string }

// WriteHTML writes the run as one page; see Doctor.WriteHTML.
func (r Run) WriteHTML(w io.Writer) error {
	var reports []pageReport
	for _, n := range r.Nodes {
		if len(n.Report) > 0 {
			p := newPage(Options{Width: maxProse})
			p.nodeReport(n)
			reports = append(reports, pageReport{n.Name, p.buf.String()})
		}
	}
	notes := slices.Clone(r.Diagnostics)
	if r.Error != nil {
		notes = append(notes, r.Error.Diagnostics...)
	}
	return writePage(w, "the run", "run", struct {
		Title   string
		R       Run
		Reports []pageReport
		Notes   []Diagnostic
		Foot    pageFoot
	}{"Run of " + r.Pipeline, r, reports, weighty(notes), footOf(r.Tool, r.StartedAt, false)})
}

func writePage(w io.Writer, what, name string, data any) error {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("encoding %s as HTML: %w", what, err)
	}
	return emit(w, what, b.Bytes())
}
