// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// TestPluginsAreAskedAtTheSameTime: each of three plugins answers only when
// all three have been asked.
func TestPluginsAreAskedAtTheSameTime(t *testing.T) {
	var collecting, checking sync.WaitGroup
	collecting.Add(3)
	checking.Add(3)
	var plugins []Plugin
	for _, name := range []string{"a", "b", "c"} {
		r := &rogue{
			collect: func(context.Context) (*pluginv1.CollectResponse, error) {
				collecting.Done()
				collecting.Wait()
				return &pluginv1.CollectResponse{Facts: []*pluginv1.Fact{wireFact(name+".fact", "1")}}, nil
			},
			check: func(_ context.Context, req *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
				checking.Done()
				checking.Wait()
				return &pluginv1.CheckResponse{Outcomes: ranAll(req.GetCodes()...)}, nil
			},
		}
		p, _ := r.serve(t, name, []string{name + ".fact"}, []string{name + ".code"})
		plugins = append(plugins, p)
	}
	d := Diagnose(t.Context(), plugins, Options{Timeout: soon, IncludeFacts: true})
	if d.Summary.TimedOut || d.Summary.ChecksRun != 3 || len(d.Facts) != 3 {
		t.Errorf("got %+v", d.Summary)
	}
}

// TestWhatAPluginIsAsked: every fact, sorted; its own selected codes; the
// settings of these and of no other plugin's.
func TestWhatAPluginIsAsked(t *testing.T) {
	asked := map[string]*pluginv1.CheckRequest{}
	var mu sync.Mutex
	var plugins []Plugin
	for name, codes := range map[string][]string{"a": {"a.x", "a.y", "a.z"}, "b": {"b.x"}, "idle": {"idle.x"}} {
		r := &rogue{check: func(_ context.Context, req *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[name] = req
			return &pluginv1.CheckResponse{Outcomes: ranAll(req.GetCodes()...)}, nil
		}}
		p, _ := r.serve(t, name, nil, codes)
		plugins = append(plugins, p)
	}
	got := Check(t.Context(), plugins, machine(t, values{"z.z": 1, "a.a": 2, "m[/x].m": 3}), Selection{
		Codes:  []string{"a.*", "b.x"},
		Skips:  map[string]string{"a.y": "no"},
		Config: map[string][]byte{"a.x": []byte(`{"token":"secret"}`), "a.y": []byte(`{}`), "b.x": []byte(`{"k":1}`)},
	}, soon)
	if len(got.Diagnostics) > 0 || got.Ran != 3 {
		t.Errorf("got %+v", got)
	}
	if names := slices.Sorted(maps.Keys(asked)); !slices.Equal(names, []string{"a", "b"}) {
		t.Fatalf("asked %v", names)
	}
	for name, want := range map[string]struct {
		codes  []string
		config map[string][]byte
	}{
		"a": {[]string{"a.x", "a.z"}, map[string][]byte{"a.x": []byte(`{"token":"secret"}`)}},
		"b": {[]string{"b.x"}, map[string][]byte{"b.x": []byte(`{"k":1}`)}},
	} {
		if diff := cmp.Diff(want.codes, asked[name].GetCodes()); diff != "" {
			t.Errorf("codes of %s:\n%s", name, diff)
		}
		if diff := cmp.Diff(want.config, asked[name].GetConfigJson()); diff != "" {
			t.Errorf("settings of %s:\n%s", name, diff)
		}
		var addresses []string
		for _, f := range asked[name].GetFacts() {
			addresses = append(addresses, f.GetAddress())
		}
		if !slices.Equal(addresses, []string{"a.a", "m[/x].m", "z.z"}) {
			t.Errorf("facts of %s: %v", name, addresses)
		}
	}
}
