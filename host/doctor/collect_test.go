// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

const soon = time.Minute

func TestCollectJoinsThePlugins(t *testing.T) {
	got := Collect(t.Context(), []Plugin{
		honest(t, "gpu", collector(map[string]any{"gpu.count": 2})),
		honest(t, "python", collector(map[string]any{"python.env[/opt/venv].version": "3.11.7"})),
		{Name: "checks-only", Description: describing(nil, []string{"a.b"})},
	}, soon)
	if want := []string{"gpu.count", "python.env[/opt/venv].version"}; !slices.Equal(got.Facts.Addresses(), want) {
		t.Errorf("got %v, want %v", got.Facts.Addresses(), want)
	}
	if len(got.Diagnostics) > 0 || got.TimedOut || len(got.Durations) != 2 {
		t.Errorf("got %+v", got)
	}
}

// TestCollectRefusesLies lets a plugin break each rule beside an honest one.
func TestCollectRefusesLies(t *testing.T) {
	many := make([]*pluginv1.Fact, MaxFacts+1)
	for i := range many {
		many[i] = wireFact(fmt.Sprintf("x.y[%d]", i), "1")
	}
	tests := []struct {
		what  string
		facts []*pluginv1.Fact
		keeps int
		says  string
	}{
		{"not described", []*pluginv1.Fact{wireFact("gpu.driver.version", `"1"`)}, 0, "did not describe the address: gpu.driver.version"},
		{"not JSON", []*pluginv1.Fact{wireFact("x.y", "{")}, 0, "not JSON"},
		{"no value", []*pluginv1.Fact{{Address: "x.y"}}, 0, "neither a value nor a reason"},
		{"bad address", []*pluginv1.Fact{wireFact("X..y", "1")}, 0, "not a fact address"},
		{"hostile address", []*pluginv1.Fact{wireFact("x.y[\x1b]0;t\a]", "1")}, 0, "not a fact address"},
		{"twice", []*pluginv1.Fact{wireFact("x.y", "1"), wireFact("x.y", "2")}, 1, "one address twice"},
		{"large value", []*pluginv1.Fact{wireFact("x.y", `"`+strings.Repeat("a", MaxValueBytes)+`"`)}, 0, "A value may have 4 MiB"},
		{"lies without end", liesWithoutEnd(3000), 0, "and 2997 more"},
		{"too many", many, MaxFacts, "may give 20000 facts"},
		{"much evidence", []*pluginv1.Fact{{Address: "x.y", ValueJson: []byte("1"), Evidence: make([]*pluginv1.Evidence, maxEvidence+1)}}, 0, "pieces of evidence"},
		{"too much together", large(5), 4, "All facts together"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			got := Collect(t.Context(), []Plugin{
				collecting(t, "liar", []string{"x.y"}, tt.facts...),
				honest(t, "good", collector(map[string]any{"cpu.count": 4})),
			}, soon)
			mustSay(t, got.Diagnostics, "error [liar]", tt.says)
			if !got.Facts.Known("cpu.count") || len(got.Facts.Addresses()) != tt.keeps+1 {
				t.Errorf("%d facts were kept, want %d", len(got.Facts.Addresses()), tt.keeps+1)
			}
			if len(got.Diagnostics) != 1 {
				t.Errorf("got %d diagnostics", len(got.Diagnostics))
			}
		})
	}
}

// liesWithoutEnd makes facts that are wrong, each in its own words.
func liesWithoutEnd(n int) []*pluginv1.Fact {
	var out []*pluginv1.Fact
	for i := range n {
		out = append(out, wireFact(fmt.Sprintf("Bad.%d", i), "1"))
	}
	return out
}

// large makes facts of 2.9 MiB each.
func large(n int) []*pluginv1.Fact {
	var out []*pluginv1.Fact
	for i := range n {
		out = append(out, wireFact(fmt.Sprintf("x.y[%d]", i), `"`+strings.Repeat("a", 29<<20/10)+`"`))
	}
	return out
}

func TestCollectCleansText(t *testing.T) {
	got := Collect(t.Context(), []Plugin{collecting(t, "p", []string{"x.y"}, &pluginv1.Fact{
		Address: "x.y", Unknown: "no\x1b[31m way\n\u202e", Evidence: []*pluginv1.Evidence{
			{Path: "/a", Line: -3, Value: "a\x1b[2Jb\n" + strings.Repeat("c", 9000)}, {},
		},
	})}, soon)
	f, _ := got.Facts.Lookup("x.y")
	if f.Unknown != "no way" {
		t.Errorf("unknown = %q", f.Unknown)
	}
	if len(f.Evidence) != 1 || f.Evidence[0].Line != 0 || !strings.HasPrefix(f.Evidence[0].Value, "ab c") || len(f.Evidence[0].Value) > maxLineBytes+3 {
		t.Errorf("evidence = %+v", f.Evidence)
	}
}

func TestCollectConflicts(t *testing.T) {
	first := collecting(t, "zebra", []string{"x.y", "x.z"}, wireFact("x.y", "1"), wireFact("x.z", "true"))
	second := collecting(t, "ant", []string{"x.y", "x.z"}, wireFact("x.y", "2"), wireFact("x.z", "true"))
	got := Collect(t.Context(), []Plugin{first, second}, soon)
	if n, _ := got.Facts.Int("x.y"); n != 1 {
		t.Errorf("x.y = %d: the plugin named first is not believed", n)
	}
	mustSay(t, got.Diagnostics, "[ant] Refused a fact", "zebra gave another value first", "x.y")
	if strings.Contains(said(got.Diagnostics), "x.z") {
		t.Errorf("agreement is called a conflict:\n%s", said(got.Diagnostics))
	}
}

func TestCollectSurvivesADeadPlugin(t *testing.T) {
	r := &rogue{}
	p, server := r.serve(t, "mortal", []string{"x.y"}, nil)
	r.collect = func(ctx context.Context) (*pluginv1.CollectResponse, error) {
		go server.Stop()
		<-ctx.Done() // nothing can be sent any more
		return nil, errors.New("never sent")
	}
	got := Collect(t.Context(), []Plugin{p, honest(t, "good", collector(map[string]any{"cpu.count": 4}))}, soon)
	if !got.Facts.Known("cpu.count") || got.TimedOut {
		t.Errorf("got %+v", got)
	}
	mustSay(t, got.Diagnostics, "error [mortal] No facts from plugin mortal", "ended before it answered", "bulkhead plugin test mortal")
}

func TestCollectSurvivesAHangingPlugin(t *testing.T) {
	release := make(chan struct{})
	r := &rogue{collect: func(context.Context) (*pluginv1.CollectResponse, error) {
		<-release
		return &pluginv1.CollectResponse{}, nil
	}}
	p, _ := r.serve(t, "sleeper", []string{"x.y"}, nil)
	defer close(release)
	patiently(t, func(limit time.Duration) bool {
		got := Collect(t.Context(), []Plugin{p, honest(t, "good", collector(map[string]any{"cpu.count": 4}))}, limit)
		if !got.TimedOut {
			t.Errorf("got %+v", got)
		}
		mustSay(t, got.Diagnostics, "did not answer within "+limit.String())
		return got.Facts.Known("cpu.count")
	})
}

// patiently gives an attempt more and more time, until those had enough of it that
// do answer.
func patiently(t *testing.T, enough func(limit time.Duration) bool) {
	t.Helper()
	for limit := 200 * time.Millisecond; !enough(limit); limit *= 2 {
		if limit > soon {
			t.Fatalf("those that answer are missing after %v", limit)
		}
	}
}

func TestCollectRefusesAHugeAnswer(t *testing.T) {
	got := Collect(t.Context(), []Plugin{collecting(t, "flood", []string{"x.y"}, large(8)...)}, soon)
	mustSay(t, got.Diagnostics, "its answer is larger than 16 MiB")
}

func TestCollectOfAPluginWithoutTheService(t *testing.T) {
	p := Plugin{Name: "hollow", Description: describing([]string{"x.y"}, nil), Conn: connect(t, grpc.NewServer())}
	mustSay(t, Collect(t.Context(), []Plugin{p}, soon).Diagnostics, "a service that it does not serve")
}

func TestCollectCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := Collect(ctx, []Plugin{honest(t, "p", collector(map[string]any{"cpu.count": 4}))}, soon)
	if got.TimedOut {
		t.Error("a cancelled diagnosis is called a time-out")
	}
	mustSay(t, got.Diagnostics, "the diagnosis was cancelled")
}

func TestCollectPassesDiagnosticsOn(t *testing.T) {
	crash := fact.Collector{Name: "crash", Collect: func(context.Context, *fact.Target, *fact.Recorder) error { panic("index out of range") }}
	flood := &rogue{collect: func(context.Context) (*pluginv1.CollectResponse, error) {
		var ds []*pluginv1.Diagnostic
		for range MaxDiagnostics + 7 {
			ds = append(ds, &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_INFO, Summary: "\x1b[5mnoise"})
		}
		return &pluginv1.CollectResponse{Diagnostics: ds}, nil
	}}
	p, _ := flood.serve(t, "flood", []string{"x.y"}, nil)
	got := Collect(t.Context(), []Plugin{honest(t, "clumsy", fact.Serve(crash)), p}, soon)
	mustSay(t, got.Diagnostics, "warning [clumsy] Collector crash failed", "index out of range", "7 further messages of plugin flood", "info [flood] noise")
	for _, d := range got.Diagnostics {
		if strings.Contains(d.Detail, "goroutine") {
			t.Errorf("a stack trace stands in the prose: %s", d.Detail)
		}
		if d.Plugin == "clumsy" && !strings.Contains(d.Debug, "collect_test.go") {
			t.Errorf("the stack trace is lost: %q", d.Debug)
		}
	}
	if len(got.Diagnostics) != MaxDiagnostics+2 {
		t.Errorf("got %d diagnostics", len(got.Diagnostics))
	}
}

func FuzzReadFact(f *testing.F) {
	f.Add("x.y[/a]", []byte(`{"a":1}`), "", "/p", int32(3))
	f.Add("x.y", []byte(nil), "denied", "", int32(-1))
	described := map[string]bool{"x.y": true}
	f.Fuzz(func(t *testing.T, address string, value []byte, unknown, path string, line int32) {
		got, reason, _ := readFact(&pluginv1.Fact{Address: address, ValueJson: value, Unknown: unknown,
			Evidence: []*pluginv1.Evidence{{Path: path, Line: line}}}, described)
		if reason != "" {
			return
		}
		if _, err := fact.FromProto(fact.ToProto([]fact.Fact{got})); err != nil {
			t.Fatalf("a fact that was kept breaks the SDK: %v", err)
		}
	})
}
