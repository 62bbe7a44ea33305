// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// judge is a *testing.T or a *rapid.T.
type judge interface {
	Helper()
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
}

func asText(t judge, d document, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteText(&b, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTextIsHarmlessAndFits renders what a hostile plugin says at many widths.
func TestTextIsHarmlessAndFits(t *testing.T) {
	for name, d := range documents {
		for _, width := range []int{0, 1, 40, 60, 80, 133} {
			for _, verbose := range []bool{false, true} {
				text := asText(t, d, Options{Width: width, Verbose: verbose, Debug: verbose})
				harmless(t, name, text)
				limit := max(width, minWidth)
				if width == 0 {
					limit = defaultWidth
				}
				fits(t, name, text, limit)
			}
		}
	}
}

func harmless(t judge, name, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && hostile(r) }); i >= 0 {
		t.Errorf("%s holds a hostile character: %q", name, text[max(0, i-20):i+8])
	}
}

// fits allows wide lines only where a command cannot be broken, and for the
// one that is to be typed next.
func fits(t judge, name, text string, limit int) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "Next: ") {
			continue
		}
		if columns(line) > limit && strings.Contains(strings.TrimSuffix(strings.TrimSpace(line), ` \`), " ") {
			t.Errorf("%s at %d columns: a line has %d: %q", name, limit, columns(line), line)
		}
	}
}

func TestPlainTextIsASCII(t *testing.T) {
	for name, d := range documents {
		text := asText(t, d, Options{ASCII: true, Verbose: true})
		if i := strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
			t.Errorf("%s holds %q", name, text[i:i+4])
		}
	}
	if text := asText(t, ran(), Options{}); strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		t.Errorf("the renderer itself writes more than ASCII:\n%s", text)
	}
}

func TestColourIsDecorationOnly(t *testing.T) {
	for name, d := range documents {
		plain, colored := asText(t, d, Options{}), asText(t, d, Options{Color: true})
		if Clean(colored) != plain {
			t.Errorf("%s reads differently with colour:\n%s\n%s", name, plain, Clean(colored))
		}
	}
}

// TestErrorsAreNotDrowned gives a report hundreds of notes and one error.
func TestErrorsAreNotDrowned(t *testing.T) {
	d := sick()
	for i := range 300 {
		for _, severity := range []string{Info, Unknown} {
			id := fmt.Sprintf("noise.%s-%d", severity, i)
			d.Findings = append(d.Findings, Finding{ID: id, Code: id, Severity: severity, Title: "Noise " + id, Confidence: 1})
		}
		d.Diagnostics = append(d.Diagnostics, Diagnostic{Severity: Info, Summary: fmt.Sprintf("chatter %d", i)})
	}
	text := asText(t, d, Options{})
	if lines := strings.Count(text, "\n"); lines > 55 {
		t.Errorf("the terse report has %d lines", lines)
	}
	if at := strings.Index(text, "Root cause (error): The NVIDIA driver"); at < 0 || at > strings.Index(text, "Noise") {
		t.Error("the root cause does not come first")
	}
	if strings.Contains(text, "chatter") || strings.Contains(text, "noise.info") {
		t.Error("notes are in the terse report")
	}
	if !strings.Contains(text, "and 296 more with -v") {
		t.Error("what is hidden is not counted")
	}
}

// TestManyRootCauses keeps the report short and says what it hides.
func TestManyRootCauses(t *testing.T) {
	d := Doctor{Tool: tool}
	for i := range 30 {
		id := fmt.Sprintf("many.cause-%02d", i)
		d.Findings = append(d.Findings, Finding{ID: id, Code: id, Severity: Error, Title: "Fault " + id, Detail: "Detail of " + id + ".", Confidence: 1})
		d.RootCauses = append(d.RootCauses, RootCause{ID: id, Code: id, Severity: Error, Title: "Fault " + id})
	}
	text := asText(t, d, Options{})
	for _, want := range []string{"Detail of many.cause-02.", "bulkhead explain many.cause-10", "and 19 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "many.cause-11") {
		t.Error("more than the promised causes are shown")
	}
	if all := asText(t, d, Options{Verbose: true}); strings.Count(all, "Detail of") != 30 {
		t.Error("-v does not list every cause")
	}
}

func TestTimedOutIsSaid(t *testing.T) {
	d := healthy()
	d.Summary.TimedOut = true
	if text := asText(t, d, Options{}); !strings.Contains(text, "incomplete") {
		t.Errorf("an incomplete diagnosis looks complete:\n%s", text)
	}
}

// TestKernelReportsOfAnyShape renders random JSON under the known keys.
func TestKernelReportsOfAnyShape(t *testing.T) {
	keys := []string{"leaderboard", "model", "metrics", "quality_score", "quality_score_breakdown", "verdict", "other", "notes"}
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), toAny[bool]), rapid.Map(rapid.Int64(), toAny[int64]),
		rapid.Map(rapid.Float64Range(-1e12, 1e12), toAny[float64]), rapid.Map(rapid.String(), toAny[string]),
	)
	value := rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(rapid.MapOfN(rapid.SampledFrom([]string{"rank", "name", "score_mean", "reason", "漢"}), leaf, 0, 5), 0, 4), toAny[[]map[string]any]),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"mean", "sd", "name", "score", "x_y"}), leaf, 0, 5), toAny[map[string]any]),
		rapid.Map(rapid.SliceOfN(leaf, 0, 4), toAny[[]any]),
	)
	rapid.Check(t, func(rt *rapid.T) {
		report, err := json.Marshal(rapid.MapOfN(rapid.SampledFrom(keys), value, 0, len(keys)).Draw(rt, "report"))
		if err != nil {
			rt.Fatal(err)
		}
		r := Run{Nodes: []Node{{Name: "kernel.x", Use: "a.b", Status: RunOK, Report: report}}}
		opt := Options{Width: rapid.IntRange(40, 120).Draw(rt, "width"), Verbose: rapid.Bool().Draw(rt, "verbose")}
		text := asText(rt, r, opt)
		harmless(rt, "run", text)
		for line := range strings.SplitSeq(text, "\n") {
			if columns(line) > opt.Width {
				rt.Fatalf("a line has %d columns of %d: %q", columns(line), opt.Width, line)
			}
		}
	})
}

func toAny[T any](v T) any { return v }

func TestRawThatIsNotJSONBecomesAString(t *testing.T) {
	r := Run{Nodes: []Node{{Name: "n", Report: Raw(`{"a":`)}, {Name: "m", Report: Raw(`{"a":1}`)}}}
	var back struct {
		Nodes []struct {
			Report any `json:"report"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(asJSON(t, r), &back); err != nil {
		t.Fatal(err)
	}
	if back.Nodes[0].Report != `{"a":` {
		t.Errorf("got %v", back.Nodes[0].Report)
	}
	if m, ok := back.Nodes[1].Report.(map[string]any); !ok || m["a"] != 1.0 {
		t.Errorf("got %v", back.Nodes[1].Report)
	}
}

// TestJSONIsOneCleanDocument: one value, one newline, nothing that a terminal
// obeys, the caller's value unchanged.
func TestJSONIsOneCleanDocument(t *testing.T) {
	for name, d := range documents {
		data := asJSON(t, d)
		harmless(t, name, string(data))
		if !bytes.HasSuffix(data, []byte("}\n")) {
			t.Errorf("%s does not end with a newline", name)
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			t.Errorf("%s is followed by something", name)
		}
	}
}

func TestWriteErrorsAreReported(t *testing.T) {
	full := errors.New("no space left on device")
	for name, d := range documents {
		if err := d.WriteJSON(failingWriter{full}); !errors.Is(err, full) {
			t.Errorf("%s: JSON: %v", name, err)
		}
		if err := d.WriteText(failingWriter{full}, Options{}); !errors.Is(err, full) {
			t.Errorf("%s: text: %v", name, err)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"5": "5", "0.98070175": "0.9807", "0.00001234": "1.234e-05", "1234567.5": "1.235e+06", "-0.5": "-0.5000",
		"12345678901234567": "12345678901234567", "1e400": "1e400", "0.0": "0.0000",
	} {
		if got := number(json.Number(in)); got != want {
			t.Errorf("number(%s) = %q, want %q", in, got, want)
		}
	}
}
