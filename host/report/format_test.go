// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// exported is a document that has formats.
type exported interface {
	Formats() []string
	Write(io.Writer, string, Options) error
}

func exports() map[string]exported {
	return map[string]exported{
		"doctor": sick(), "doctor-judged": judged(), "doctor-healthy": healthy(), "doctor-hostile": deceitful(),
		"run": ran(), "run-failed": broke(), "facts": observed(), "failure": failed(),
	}
}

// paged are the pages of two checks.
func paged(code string) (check.Doc, bool) {
	if code != "gpu.driver-missing" && code != "x.y" {
		return check.Doc{}, false
	}
	return check.Doc{
		Meaning: "No kernel module drives the GPUs.", Detection: "By the PCI bus and the modules.", Cause: "A new kernel without a module.",
		Fix: "Build it.", Verify: "Look at /proc.", References: []string{"javascript:alert(1)", "https://docs.nvidia.com/datacenter/tesla/"},
	}, true
}

func exportOptions() Options {
	code := 2
	return Options{Docs: paged, Project: "/home/ada/train", ExitCode: &code}
}

func written(t judge, d exported, format string, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Write(&b, format, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExportGolden(t *testing.T) {
	for name, d := range exports() {
		for _, format := range d.Formats() {
			if format == Text || format == JSON {
				continue // see golden_test.go
			}
			t.Run(name+"/"+format, func(t *testing.T) {
				text := strings.NewReplacer(pageStyle, "", styleHash(), "").Replace(written(t, d, format, exportOptions()))
				golden(t, name+".export"+extensionOf(t, format), []byte(text))
			})
		}
	}
}

func extensionOf(t *testing.T, format string) string {
	t.Helper()
	for _, f := range Formats() {
		if f.Name == format {
			return f.Extension
		}
	}
	t.Fatalf("%s is no format", format)
	return ""
}

// TestExportsAreHarmless: a hostile plugin can put nothing into any format that
// a terminal obeys or a reader is deceived by.
func TestExportsAreHarmless(t *testing.T) {
	for name, d := range exports() {
		for _, format := range d.Formats() {
			text := strings.ReplaceAll(written(t, d, format, exportOptions()), "\r\n", "\n")
			harmless(t, name+" as "+format, text)
			if !strings.HasSuffix(text, "\n") {
				t.Errorf("%s as %s does not end with a line feed", name, format)
			}
		}
	}
}

func TestEveryFormatIsListed(t *testing.T) {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
		if got, ok := FormatForFile("a" + f.Extension); !ok || got != f.Name {
			t.Errorf("a%s is %q, %v", f.Extension, got, ok)
		}
		if f.Description == "" {
			t.Errorf("%s has no description", f.Name)
		}
	}
	if got := sick().Formats(); !slices.Equal(got, names) {
		t.Errorf("a diagnosis has %v, there are %v", got, names)
	}
	for name, d := range exports() {
		for _, format := range d.Formats() {
			if !slices.Contains(names, format) {
				t.Errorf("%s has the unlisted format %s", name, format)
			}
		}
	}
}

func TestFormatForFile(t *testing.T) {
	for name, want := range map[string]string{
		"report.HTML": HTML, "a/b.c/report.htm": HTML, `C:\reports\x.sarif`: SARIF, "x.sarif.json": SARIF, "x.json": JSON, "x.markdown": Markdown,
		"junit.xml": JUnit, "node.prom": Prometheus, "x.txt": Text, "notes.log": Text,
		"report": "", "x.pdf": "", "": "", ".html": HTML, "html": "", "a.csv/report": "",
	} {
		if got, ok := FormatForFile(name); got != want || ok != (want != "") {
			t.Errorf("FormatForFile(%q) = %q, %v; want %q", name, got, ok, want)
		}
	}
}

func TestFormatError(t *testing.T) {
	var b bytes.Buffer
	err := observed().Write(&b, "sarif\x1b[31m", Options{})
	wrong, ok := errors.AsType[*FormatError](err)
	if !ok || b.Len() > 0 {
		t.Fatalf("got %v and %d bytes", err, b.Len())
	}
	if !slices.Equal(wrong.Known, observed().Formats()) {
		t.Errorf("it lists %v", wrong.Known)
	}
	want := `a list of facts has no format "sarif"; choose one of text, json, csv, md, html, prometheus with --format`
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// broken fails at the first write and counts the calls.
type broken struct{ calls int }

func (b *broken) Write([]byte) (int, error) {
	b.calls++
	return 0, io.ErrClosedPipe
}

func TestWritesOnceAndReportsErrors(t *testing.T) {
	for name, d := range exports() {
		for _, format := range d.Formats() {
			var w broken
			if err := d.Write(&w, format, Options{}); !errors.Is(err, io.ErrClosedPipe) || w.calls != 1 {
				t.Errorf("%s as %s: %v after %d calls", name, format, err, w.calls)
			}
		}
	}
}
