// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestOnly(t *testing.T) {
	for _, tt := range []struct {
		only []string
		want []string
	}{
		{[]string{"describe/valid"}, []string{"describe/valid"}},
		{[]string{"check"}, []string{"check/no-facts", "check/unknown-facts", "check/wrong-types", "check/pure"}},
		{[]string{"check/", "nothing"}, []string{"check/no-facts", "check/unknown-facts", "check/wrong-types", "check/pure"}},
		{[]string{"kernel/hostile-*", "life/drain"}, []string{"kernel/hostile-tables", "kernel/hostile-settings", "life/drain"}},
		{[]string{"[", "*"}, nil},
	} {
		var got []string
		for _, r := range Rules(Options{Only: tt.only}) {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q chooses %q, want %q", tt.only, got, tt.want)
		}
	}
	if lost := Unmatched(Options{Only: []string{"kernel", "kernels", "life/*", "["}}); !slices.Equal(lost, []string{"kernels", "["}) {
		t.Errorf("unmatched %q", lost)
	}
}

// TestRulesAreDescribed: names are unique, and each has its sentence.
func TestRulesAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules(Options{}) {
		if seen[r.Name] || !strings.HasSuffix(r.Summary, ".") || !strings.Contains(r.Name, "/") {
			t.Errorf("rule %+v", r)
		}
		seen[r.Name] = true
	}
}

// TestSeed: a kernel gets the seed of the run, and the random table follows it.
func TestSeed(t *testing.T) {
	of := func(seed uint64) []arrow.RecordBatch { return []arrow.RecordBatch{random(seed)} }
	if sameTables(of(7), of(7)) != nil || sameTables(of(7), of(8)) == nil {
		t.Error("the random table is not that of the seed")
	}
	b := &bench{seed: 7}
	o, err := b.open(&pluginv1.KernelDescription{Name: "a"}, nil, sampleSchema())
	if err != nil || o.GetSeed() != 7 || string(o.GetConfigJson()) != "{}" {
		t.Errorf("%v, %v", o, err)
	}
	if r := RunWith(t.Context(), sound().subject(), Options{Only: []string{"describe"}}); r.Seed != 1 {
		t.Errorf("seed %d", r.Seed)
	}
}

// TestDefaults: settings that the user leaves out are sent.
func TestDefaults(t *testing.T) {
	s := &pluginv1.Schema{Attributes: []*pluginv1.Attribute{
		{Name: "low", DefaultJson: "0.5"}, {Name: "wrong", DefaultJson: "{"}, {Name: "must", Required: true},
	}}
	if got := string(defaults(s)); got != `{"low":0.5}` {
		t.Errorf("defaults %s", got)
	}
	if got := string(with(s, "low", `"x"`)); got != `{"low":"x"}` {
		t.Errorf("with %s", got)
	}
}

func TestSummaryAndBadge(t *testing.T) {
	for _, tt := range []struct {
		statuses []Status
		says     string
		colour   string
	}{
		{[]Status{Passed, Passed, Skipped}, "2 passed", badgeGreen},
		{[]Status{Passed, Failed}, "1 failed", badgeRed},
		{[]Status{Skipped}, "nothing ran", badgeGrey},
	} {
		r := Report{Plugin: `a<b>&"`}
		for _, s := range tt.statuses {
			r.Cases = append(r.Cases, Case{Status: s})
		}
		svg := string(r.Badge())
		if !strings.Contains(svg, ">"+tt.says+"<") || !strings.Contains(svg, tt.colour) || !strings.Contains(svg, `role="img"`) {
			t.Errorf("%v: %s", tt.statuses, svg)
		}
		var title struct {
			Title string `xml:"title"`
		}
		if err := xml.Unmarshal([]byte(svg), &title); err != nil || title.Title != "Bulkhead contract of "+r.Summary() {
			t.Errorf("%v: title %q, %v", tt.statuses, title.Title, err)
		}
		if strings.Contains(svg, "href") || strings.Contains(svg, "script") {
			t.Errorf("the badge loads something: %s", svg)
		}
	}
	if got := (Report{Plugin: "a", Cases: []Case{{Status: Passed}}}).Summary(); got != "a: 1 passed, 0 failed, 0 skipped" {
		t.Errorf("summary %q", got)
	}
}

// A plugin that does not start keeps no rule, and its words are bounded.
func TestNotStarted(t *testing.T) {
	r := NotStarted("a", errors.New(strings.Repeat("x", 1<<20)))
	if r.Summary() != "a: 0 passed, 1 failed, 0 skipped" || !strings.Contains(string(r.Badge()), ">1 failed<") || len(r.Cases[0].Detail) > maxDetail+100 {
		t.Errorf("%s, %d bytes", r.Summary(), len(r.Cases[0].Detail))
	}
}

// What a plugin says in its defence is told in part.
func TestLongDetails(t *testing.T) {
	b := &bench{ctx: t.Context()}
	c := b.try(rule{"x", "X.", func(*bench) error { return errors.New(strings.Repeat("é", 1<<20)) }})
	if len(c.Detail) > maxDetail+100 || !utf8.ValidString(c.Detail) || !strings.HasSuffix(c.Detail, "bytes more)") {
		t.Errorf("%d bytes: %.40q", len(c.Detail), c.Detail)
	}
}

// A plugin that hangs costs its users minutes: after two rules that hung, calls get
// less time, and one that was only wrong costs nothing.
func TestImpatience(t *testing.T) {
	b := &bench{ctx: t.Context(), subject: Subject{Start: func(context.Context, string) (*Plugin, error) { return &Plugin{}, nil }}}
	for _, tt := range []struct {
		took, want time.Duration
	}{{time.Second, CallTimeout}, {CallTimeout, CallTimeout}, {CallTimeout - 1, CallTimeout}, {3 * CallTimeout, impatience}, {0, impatience}} {
		b.lost(tt.took)
		p, err := b.start("")
		if err != nil || p.callTime() != tt.want {
			t.Errorf("after %v: %v, %v", tt.took, p.callTime(), err)
		}
	}
	if (&Plugin{}).callTime() != CallTimeout {
		t.Error("a plugin of its own has no limit")
	}
}

// sharing adds another way for batches to a subject.
func sharing(s Subject, change func([]arrow.RecordBatch) ([]arrow.RecordBatch, error)) Subject {
	return Subject{Name: s.Name, Start: func(ctx context.Context, machine string) (*Plugin, error) {
		p, err := s.Start(ctx, machine)
		if err != nil {
			return nil, err
		}
		p.Shared = func(ctx context.Context, o *pluginv1.Open, state []byte, in []arrow.RecordBatch) ([]arrow.RecordBatch, error) {
			wire, err := encode(in)
			if err != nil {
				return nil, err
			}
			out, err := transform(ctx, p, o, state, wire)
			if err != nil {
				return nil, err
			}
			rows, err := out.rows()
			if err != nil {
				return nil, err
			}
			return change(rows)
		}
		return p, nil
	}}
}

func TestBothWays(t *testing.T) {
	for name, tt := range map[string]struct {
		change func([]arrow.RecordBatch) ([]arrow.RecordBatch, error)
		status Status
		says   string
	}{
		"the same": {func(b []arrow.RecordBatch) ([]arrow.RecordBatch, error) { return b, nil }, Passed, ""},
		"cut otherwise": {func(b []arrow.RecordBatch) ([]arrow.RecordBatch, error) {
			return append([]arrow.RecordBatch{b[0].NewSlice(0, 0), b[0].NewSlice(0, 3), b[0].NewSlice(3, b[0].NumRows())}, b[1:]...), nil
		}, Passed, ""},
		"a row less": {func(b []arrow.RecordBatch) ([]arrow.RecordBatch, error) {
			return append([]arrow.RecordBatch{b[0].NewSlice(0, b[0].NumRows()-1)}, b[1:]...), nil
		}, Failed, "rows"},
		"other rows": {func(b []arrow.RecordBatch) ([]arrow.RecordBatch, error) {
			return append([]arrow.RecordBatch{nulls(b[0].Schema(), int(b[0].NumRows()))}, b[1:]...), nil
		}, Failed, "rows 0 to"},
		"an error":    {func([]arrow.RecordBatch) ([]arrow.RecordBatch, error) { return nil, io.ErrUnexpectedEOF }, Failed, "not in shared memory"},
		"in messages": {func([]arrow.RecordBatch) ([]arrow.RecordBatch, error) { return nil, ErrMessages }, Skipped, "both ways"},
	} {
		r := RunWith(t.Context(), sharing(sound().subject(), tt.change), Options{Only: []string{"kernel/both-ways"}})
		if c := r.Cases[0]; c.Status != tt.status || !strings.Contains(c.Detail, tt.says) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// recorder is a test that can fail without failing the one around it.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatalf(string, ...any) { r.failed = true }
func (r *recorder) Fatal(...any)          { r.failed = true }

func TestManifestAgrees(t *testing.T) {
	dir := fixtureDir(t, map[string]string{"manifest.json": `{"name": "a", "version": "1.0.0", "grants": []}`})
	for told, agrees := range map[string]bool{"a 1.0.0": true, "a 1.0.1": false, "b 1.0.0": false} {
		name, version, _ := strings.Cut(told, " ")
		r := &recorder{TB: t}
		if ManifestAgrees(r, dir+"/manifest.json", plugin.Info{Name: name, Version: version}); r.failed == agrees {
			t.Errorf("%s: failed %v", told, r.failed)
		}
	}
}

// TestEndsWithItsContext: a run that is interrupted tries no further rule.
func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := Run(ctx, Subject{Name: "a", Start: func(context.Context, string) (*Plugin, error) { return nil, errors.New("started") }}); len(r.Cases) > 0 {
		t.Errorf("%d cases ran", len(r.Cases))
	}
}
