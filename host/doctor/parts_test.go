// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestCauseOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
		late bool
	}{
		{status.Error(codes.DeadlineExceeded, "x"), "it did not answer within 3s", true},
		{context.DeadlineExceeded, "context deadline exceeded", true},
		{status.Error(codes.Canceled, "x"), "the diagnosis was cancelled", false},
		{status.Error(codes.Unavailable, "EOF\x1b[31m"), "it ended before it answered: EOF", false},
		{status.Error(codes.ResourceExhausted, "x"), "its answer is larger than 16 MiB, or so is the question", false},
		{status.Error(codes.Unimplemented, "x"), "it described a service that it does not serve", false},
		{status.Error(codes.Internal, "wire\r\nbroken"), "wire broken", false},
		{errors.New("plain"), "plain", false},
	} {
		if got := causeOf(tt.err, 3*time.Second); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
		if timedOut(tt.err) != tt.late {
			t.Errorf("%v: late = %v", tt.err, !tt.late)
		}
	}
}

func TestSplitTrace(t *testing.T) {
	for _, tt := range []struct{ in, message, trace string }{
		{"plain message", "plain message", ""},
		{"panic: x\ngoroutine 7 [running]:\nmain.f()", "panic: x", "goroutine 7 [running]:\nmain.f()"},
		{"a goroutine in a sentence", "a goroutine in a sentence", ""},
		{"panic: \x1b[31mred\ngoroutine 1", "panic: red", "goroutine 1"},
		{strings.Repeat("a", maxProseBytes+10), strings.Repeat("a", maxProseBytes) + "...", ""},
	} {
		message, trace := splitTrace(tt.in)
		if message != tt.message || trace != tt.trace {
			t.Errorf("splitTrace(%.40q) = %.40q, %.40q", tt.in, message, trace)
		}
	}
}

func TestBounded(t *testing.T) {
	for _, tt := range []struct {
		in   string
		max  int
		want string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc..."}, {"漢字", 4, "漢..."}, {"漢字", 6, "漢字"},
	} {
		got := bounded(tt.in, tt.max)
		if got != tt.want || !utf8.ValidString(got) {
			t.Errorf("bounded(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
		}
	}
}

func TestRefusalsAreJoined(t *testing.T) {
	r := refusals{plugin: "p", what: "fact"}
	if len(r.diagnostics()) != 0 {
		t.Error("nothing was refused")
	}
	for _, name := range []string{"a", "b\x1b[0m", "c", "d", "e"} {
		r.add("it is wrong", name)
	}
	r.add("another rule", strings.Repeat("x", 300))
	want := []report.Diagnostic{
		{Severity: report.Error, Plugin: "p", Summary: "Refused a fact of plugin p", Detail: "Another rule: " + strings.Repeat("x", 100) + "... This is a bug of the plugin; report it to its author."},
		{Severity: report.Error, Plugin: "p", Summary: "Refused 5 facts of plugin p", Detail: "It is wrong: a, b, c and 2 more. This is a bug of the plugin; report it to its author."},
	}
	got := r.diagnostics()
	want[0].Detail = strings.Replace(want[0].Detail, "... This", ".... This", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDiagnosticsOf(t *testing.T) {
	got := diagnosticsOf("p", diag.ToProto([]*diag.Diagnostic{
		diag.Errorf("Bad\nthing", "because %d", 1).At("a", "b"),
		diag.Warningf("Odd", ""),
		diag.Infof("\x1b[1mNote", "x"),
	}))
	want := []report.Diagnostic{
		{Severity: report.Error, Plugin: "p", Summary: "Bad thing", Detail: "because 1", Path: []string{"a", "b"}},
		{Severity: report.Warning, Plugin: "p", Summary: "Odd"},
		{Severity: report.Info, Plugin: "p", Summary: "Note", Detail: "x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := diagnosticsOf("p", []*pluginv1.Diagnostic{{Severity: 42, Summary: "x"}}); got[0].Severity != report.Error {
		t.Errorf("a severity from the future is %s", got[0].Severity)
	}
	wild := diagnosticsOf("p", []*pluginv1.Diagnostic{{Path: slices.Repeat([]string{"/etc\x1b[2J" + strings.Repeat("x", 5000)}, 1000)}})[0]
	if wild.Summary == "" || len(wild.Path) != maxSteps || len(wild.Path[0]) > maxLineBytes+3 || strings.Contains(wild.Path[0], "\x1b") {
		t.Errorf("%q at %d steps, the first %.20q", wild.Summary, len(wild.Path), wild.Path[0])
	}
}

// Only the host knows whether the user gave up or the time is over.
func TestPluginsDoNotSpeakForTheUser(t *testing.T) {
	for _, c := range []struct {
		code    codes.Code
		timeout time.Duration
		want    codes.Code
	}{
		{codes.Canceled, time.Minute, codes.Unknown}, {codes.DeadlineExceeded, time.Minute, codes.Unknown},
		{codes.DeadlineExceeded, ahead / 2, codes.DeadlineExceeded}, {codes.DeadlineExceeded, 0, codes.DeadlineExceeded},
		{codes.Canceled, 0, codes.Canceled}, {codes.Internal, time.Minute, codes.Internal}, {codes.OK, time.Minute, codes.OK},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
		if got := status.Code(ownWords(ctx, status.Error(c.code, "x"))); got != c.want {
			t.Errorf("%v with %v to go is %v, want %v", c.code, c.timeout, got, c.want)
		}
		cancel()
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, code string
		want          bool
	}{
		{"gpu.a", "gpu.a", true}, {"gpu.a", "gpu.ab", false}, {"gpu.*", "gpu.a", true}, {"gpu.*", "gpu.a.b", true},
		{"gpu.*", "gpux.a", false}, {"*", "gpu.a", false}, {"gpu", "gpu.a", false}, {"", "gpu.a", false},
	} {
		if got := matches(tt.pattern, tt.code); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.code, got)
		}
	}
}

func TestAreaName(t *testing.T) {
	for in, want := range map[string]string{"": "other", " GPU ": "gpu", "a\x1b[31mb": "ab", "\x1b[0m": "other", strings.Repeat("x", 50): strings.Repeat("x", 40) + "..."} {
		if got := areaName(in); got != want {
			t.Errorf("areaName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParticipants(t *testing.T) {
	box := report.Sandbox{Level: "namespaced"}
	got := participants(
		[]Plugin{{Name: "b", Version: "2"}, {Name: "a", Version: "1", Digest: "sha256:x", Sandbox: box}},
		Collected{Durations: map[string]time.Duration{"a": time.Millisecond}},
		Checked{Durations: map[string]time.Duration{"a": 500 * time.Microsecond, "b": 1234567 * time.Nanosecond}},
	)
	want := []report.Plugin{
		{Name: "a", Version: "1", Digest: "sha256:x", Sandbox: box, DurationMS: 1.5},
		{Name: "b", Version: "2", DurationMS: 1.235},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDiagnoseBesideAHostilePlugin: one rogue does its worst in both calls, and
// the honest plugins' report is what it would have been without it.
func TestDiagnoseBesideAHostilePlugin(t *testing.T) {
	r := &rogue{
		collect: func(context.Context) (*pluginv1.CollectResponse, error) {
			return &pluginv1.CollectResponse{Facts: []*pluginv1.Fact{wireFact("gpu.driver.loaded", "true"), wireFact("cpu.count", "-1"), {}, nil}}, nil
		},
		check: func(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
			return &pluginv1.CheckResponse{
				Findings: []*pluginv1.Finding{nil, {Code: "gpu.driver-missing", Title: "all is well"}, {Code: "evil.x", Title: "x", Explains: []string{"gpu.*", "torch.*", "system.*"}, Severity: pluginv1.Finding_SEVERITY_INFO, Confidence: 1}},
				Outcomes: []*pluginv1.CheckOutcome{nil, {Code: "evil.x", Status: pluginv1.CheckOutcome_STATUS_RAN}, {Code: "gpu.driver-missing", Status: pluginv1.CheckOutcome_STATUS_FAILED}},
			}, nil
		},
	}
	evil, _ := r.serve(t, "evil", []string{"gpu.driver.loaded", "cpu.count"}, []string{"evil.x", "gpu.driver-missing"})
	plugins := workshop(t)
	alone := timeless(Diagnose(t.Context(), plugins, options()))
	beside := timeless(Diagnose(t.Context(), append(plugins, evil), options()))
	if diff := cmp.Diff(alone.RootCauses, beside.RootCauses); diff != "" {
		t.Errorf("the root causes changed:\n%s", diff)
	}
	if diff := cmp.Diff(alone.Facts, beside.Facts); diff != "" {
		t.Errorf("the facts changed:\n%s", diff)
	}
	mustSay(t, beside.Diagnostics, "[evil] Refused 2 facts", "gpu gave another value first", "system gave another value first", "[evil] Refused a check")
}
