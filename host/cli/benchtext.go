// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/bench"
	"github.com/bulkhead-ml/bulkhead/host/probe"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// benchReport is a run and how it compares.
type benchReport struct {
	bench.Entry
	// Baseline is when the run was that this one is compared to.
	Baseline     *time.Time         `json:"baseline,omitempty"`
	OtherMachine bool               `json:"baseline_of_other_machine,omitempty"`
	Comparisons  []bench.Comparison `json:"comparisons"`

	alone bool // the user wants no comparison
	cut   bool // it was ended before it was whole
}

// exitCode is 1 when something became slower. Another machine may be slower.
func (b benchReport) exitCode() int {
	slower := func(c bench.Comparison) bool { return c.Verdict == bench.Regression }
	if !b.OtherMachine && slices.ContainsFunc(b.Comparisons, slower) {
		return ExitWarnings
	}
	return ExitOK
}

// WriteJSON writes the run as one JSON document.
func (b benchReport) WriteJSON(w io.Writer) error { return writeJSON(w, b) }

// WriteText writes one benchmark a line: the median, its interval, and the
// verdict with the ratio to the baseline.
func (b benchReport) WriteText(w io.Writer, opt report.Options) error {
	fmt.Fprintf(w, "%s, %s\n\n", report.CleanLine(b.Machine.CPU), count(b.Machine.CPUs, "processor", "processors"))
	verdicts := map[string]bench.Comparison{}
	for _, c := range b.Comparisons {
		verdicts[c.Name] = c
	}
	column := 18
	for _, r := range b.Results {
		column = max(column, min(len(r.Name), width(opt)-59))
	}
	for _, r := range b.Results {
		if r.Skipped != "" {
			writeTerm(w, opt, 0, column+2, r.Name, "skipped: "+r.Skipped)
			continue
		}
		name := report.CleanLine(r.Name)
		if len(name) > column {
			fmt.Fprintln(w, name)
			name = ""
		}
		fmt.Fprintf(w, "%-*s  %s\n", column, name, b.line(r, verdicts))
	}
	return b.conclude(w)
}

func (b benchReport) line(r bench.Result, verdicts map[string]bench.Comparison) string {
	text := fmt.Sprintf("%8s %-8s (%s to %s)", figure(r.Median), r.Unit, figure(r.Low), figure(r.High))
	if c, ok := verdicts[r.Name]; ok && c.Verdict != bench.New {
		text += fmt.Sprintf("  %s, x%.2f", c.Verdict, c.Ratio.Median)
	}
	return text
}

func (b benchReport) conclude(w io.Writer) error {
	if text := b.uncompared(); text != "" {
		_, err := fmt.Fprintln(w, "\n"+text)
		return err
	}
	of := ""
	if b.OtherMachine {
		of = " of another machine"
	}
	slower := 0
	for _, c := range b.Comparisons {
		if c.Verdict == bench.Regression {
			slower++
		}
	}
	if slower == 0 {
		_, err := fmt.Fprintf(w, "\nNothing is slower than in the run%s of %s.\n", of, b.Baseline.Local().Format("2006-01-02 15:04"))
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s slower than the run%s of %s.\n",
		count(slower, "benchmark is", "benchmarks are"), of, b.Baseline.Local().Format("2006-01-02 15:04"))
	return err
}

// uncompared says why nothing is compared; "" when something is.
func (b benchReport) uncompared() string {
	measured := func(r bench.Result) bool { return r.Skipped == "" }
	switch {
	case !slices.ContainsFunc(b.Results, measured):
		return "Nothing could be measured."
	case b.Baseline != nil:
		return ""
	case b.alone:
		return "Nothing is compared: --baseline none."
	case b.cut:
		return "The run was ended before it was whole, and is not remembered."
	}
	return "This is the first run here. The next one is compared to it."
}

// figure writes a number with three significant digits.
func figure(x float64) string {
	switch {
	case x >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case x >= 1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// entryWriter writes a run for --baseline.
func entryWriter(e bench.Entry) func(io.Writer) error {
	return func(w io.Writer) error { return writeJSON(w, e) }
}

// benchList are the benchmarks that can be run here.
type benchList struct{ all []bench.Benchmark }

// WriteJSON writes the list as one JSON document.
func (l benchList) WriteJSON(w io.Writer) error {
	type row struct {
		Name  string `json:"name"`
		Unit  string `json:"unit"`
		Title string `json:"title"`
	}
	doc := struct {
		SchemaVersion string `json:"schema_version"`
		Benchmarks    []row  `json:"benchmarks"`
	}{report.SchemaVersion, []row{}}
	for _, b := range l.all {
		doc.Benchmarks = append(doc.Benchmarks, row{b.Name, b.Unit, b.Title})
	}
	return writeJSON(w, doc)
}

// WriteText writes one benchmark a line.
func (l benchList) WriteText(w io.Writer, opt report.Options) error {
	for _, b := range l.all {
		writeTerm(w, opt, 0, 20, b.Name, b.Title+", in "+b.Unit)
	}
	return nil
}

// benchRuns are the runs that are remembered.
type benchRuns struct {
	Path    string        `json:"path"`
	Entries []bench.Entry `json:"entries"`
	Skipped int           `json:"skipped"`
}

// WriteJSON writes the runs as one JSON document.
func (b benchRuns) WriteJSON(w io.Writer) error {
	if b.Entries == nil {
		b.Entries = []bench.Entry{}
	}
	return writeJSON(w, struct {
		SchemaVersion string `json:"schema_version"`
		benchRuns
	}{report.SchemaVersion, b})
}

// WriteText writes one run a line.
func (b benchRuns) WriteText(w io.Writer, _ report.Options) error {
	if len(b.Entries) == 0 {
		_, err := fmt.Fprintln(w, "No run is remembered yet; `bulkhead bench` makes one.")
		return err
	}
	for _, e := range b.Entries {
		fmt.Fprintf(w, "%s  %s  %s\n", e.At.Local().Format("2006-01-02 15:04:05"),
			count(len(e.Results), "benchmark", "benchmarks"), report.CleanLine(e.Machine.CPU))
	}
	if b.Skipped > 0 {
		fmt.Fprintf(w, "%s of %s cannot be read.\n", count(b.Skipped, "line", "lines"), report.CleanLine(b.Path))
	}
	return nil
}

// measuring shows which benchmark runs.
func (p *probing) measuring(done, total int, title string) {
	p.mu.Lock()
	p.running = nil
	p.total = total
	p.mu.Unlock()
	p.show(probe.Event{Done: done, Total: total, Title: title}, "benchmarks")
}
