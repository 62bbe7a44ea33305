// SPDX-License-Identifier: Apache-2.0

package observed

import (
	"fmt"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func setOf(add func(r *fact.Recorder)) fact.Set {
	var r fact.Recorder
	add(&r)
	return fact.NewSet(r.Facts())
}

func TestGet(t *testing.T) {
	const prefix = `/opt/a]b "c`
	set := setOf(func(r *fact.Recorder) {
		r.Add(At(prefix, Kind), "venv")
		r.Add(At(prefix, Loads), []Load{{Framework: "torch"}})
		r.Unknown(At(prefix, Version), "not on disk")
	})
	if v, ok := Get[string](set, prefix, Kind); !ok || v != "venv" {
		t.Errorf("kind: %q %v", v, ok)
	}
	if v, ok := Get[[]Load](set, prefix, Loads); !ok || len(v) != 1 || v[0].Framework != "torch" {
		t.Errorf("loads: %v %v", v, ok)
	}
	for _, field := range []string{Version, Torch} {
		if v, ok := Get[string](set, prefix, field); ok {
			t.Errorf("%s: %q is known", field, v)
		}
	}
	if v, ok := Get[[]string](set, prefix, Kind); ok {
		t.Errorf("a string was decoded as %v", v)
	}
	if v, ok := Get[string](set, prefix, Kind); !ok || v != "venv" {
		t.Errorf("after a wrong shape: %q %v", v, ok)
	}
}

// TestGetFollowsTheFacts: the memory of decoded values never answers for other
// facts at the same address.
func TestGetFollowsTheFacts(t *testing.T) {
	for i := range 3 * maxCached {
		want := fmt.Sprint("3.", i)
		set := setOf(func(r *fact.Recorder) {
			r.Add(At("/e", Version), want)
			r.Add(At(fmt.Sprint("/e", i), Version), want)
		})
		for range 2 {
			if v, _ := Get[string](set, "/e", Version); v != want {
				t.Fatalf("got %s, want %s", v, want)
			}
		}
		if v, _ := Get[string](set, fmt.Sprint("/e", i), Version); v != want {
			t.Fatalf("got %s, want %s", v, want)
		}
	}
}

func TestEnvironments(t *testing.T) {
	set := setOf(func(r *fact.Recorder) { r.Add(Envs, []Environment{{Prefix: "/b"}, {Prefix: "/a"}}) })
	if got := Environments(set); len(got) != 2 || got[0].Prefix != "/b" {
		t.Errorf("%v", got)
	}
	if got := Environments(fact.NewSet(nil)); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
