// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
)

// hostile are texts that names, reasons and values can be.
var hostile = []string{
	"", "a", strings.Repeat("long ", 60), strings.Repeat("x", 400), "\x1b[31mred\x1b]0;title\x07", "\u202eright to left\u2066",
	strings.Repeat("表", 90), "e\u0301" + strings.Repeat("\u0301", 50), "tab\tline\nfeed\r", "9223372036854775807", "\xff\xfe",
}

// checkPage fails for what is wider than the page or not clean.
func checkPage(t *testing.T, page string, most int) {
	t.Helper()
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if textWidth(line) > most {
			t.Errorf("%d columns of %d: %q", textWidth(line), most, line)
		}
		if report.Clean(line) != line {
			t.Errorf("not clean: %q", line)
		}
	}
}

func TestTextFitsThePage(t *testing.T) {
	for _, most := range []int{40, 80, 100} {
		opt := report.Options{Width: most}
		for _, text := range hostile {
			var b bytes.Buffer
			say(&b, opt, "    %s is %s, was %s", text, text, text)
			rows := [][]string{{"a", "b", "c", "d"}, {text, "b", text, "9223372036854775807"}, {"a", text, "", text}}
			if err := columns(&b, opt, rows); err != nil {
				t.Fatal(err)
			}
			checkPage(t, b.String(), most)
		}
	}
}

func TestCutsKeepBothEnds(t *testing.T) {
	if got := cutMiddle("kernel.first_and_last", 12); got != "kern...last" && got != "kern..._last" {
		t.Error(got)
	}
	for _, text := range hostile {
		if cut := cutMiddle(text, 9); textWidth(cut) > 9 {
			t.Errorf("%q", cut)
		}
	}
}

// TestRecordsFitThePage: whatever a record says, it is shown in 80 columns.
func TestRecordsFitThePage(t *testing.T) {
	for _, text := range hostile {
		r := &runs.Record{ID: "0123456789abcdef", Pipeline: text, Status: runs.Status(text), Reason: text, Host: runs.Host{Version: text, Name: text}, RerunOf: text}
		r.Sources, r.Sinks = []runs.Source{{Path: text, SHA256: text}}, []runs.Sink{{Path: text, SHA256: text}}
		r.Plugins = []runs.Plugin{{Name: text, Version: text, Level: text, SHA256: text}}
		r.Nodes = []runs.Node{{Name: text, Use: text, Status: runs.Status(text), Reason: text, Errors: []string{text, "another"}, RowsIn: 1 << 62, State: text, Metrics: map[string]float64{text: 1e300}}}
		other := *r
		other.ID, other.Pipeline, other.Nodes = "fedcba9876543210", "other", []runs.Node{{Name: text, RowsOut: 1 << 62, Output: text}}
		compared, err := runs.Compare(r, &other)
		if err != nil {
			t.Fatal(err)
		}
		many, err := runs.Compare(r, &other, r, &other, r)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for _, write := range []func() error{
			func() error { return runRecord{r}.WriteText(&b, report.Options{}) },
			func() error { return runListing{Runs: []*runs.Record{r, &other}}.WriteText(&b, report.Options{}) },
			func() error { return comparison{compared}.WriteText(&b, report.Options{}) },
			func() error { return comparison{many}.WriteText(&b, report.Options{}) },
		} {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		checkPage(t, b.String(), 80)
	}
}

// TestNodesKeepTheirNames where the page is too narrow for all that is known.
func TestNodesKeepTheirNames(t *testing.T) {
	r := &runs.Record{ID: "0123456789abcdef", Nodes: []runs.Node{{
		Name: "kernel.scale", Use: "data.scale", Status: "cancelled", RowsIn: 1720000, RowsOut: 1720000,
		Wall: 17360 * time.Millisecond, CPU: 730 * time.Millisecond, PeakRSSBytes: 43_700_000, State: "sha256:00",
	}}}
	var b bytes.Buffer
	if err := (runRecord{r}).WriteText(&b, report.Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kernel.scale  cancelled  1720000  1720000", "41.68 MiB", "kernel.scale (data.scale)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

func TestAddressesAreKeptWithoutTheirQueries(t *testing.T) {
	for address, want := range map[string]string{
		"": "", "http://h/a.csv": "http://h/a.csv", "http://h/a.csv?": "http://h/a.csv?", "https://h/a.csv?sig=secret?x": "https://h/a.csv?...",
	} {
		if got := withoutQuery(address); got != want {
			t.Errorf("%q: %q", address, got)
		}
	}
}
