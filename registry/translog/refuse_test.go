// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// TestRefused shows a client what no honest log shows.
func TestRefused(t *testing.T) {
	old, now := newMemory(), newMemory()
	grown(t, old, 300)
	grown(t, now, 600)
	_, key := pair(t, "registry.example/log", 1)
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			client := &Verifier{Source: old, Key: key, State: t.TempDir() + "/checkpoint"}
			_, err := client.Update(t.Context())
			must(t, err)
			evil := now.clone()
			c.attack(t, evil, old)
			again := &Verifier{Source: evil, Key: key, State: client.State}
			if _, err = again.Update(t.Context()); err == nil {
				_, err = again.Included(t.Context(), made(c.ask))
			}
			var fork *ForkError
			var proof *ProofError
			var large *files.TooLargeError
			if errors.As(err, &fork) != (c.kind == "fork") || errors.As(err, &proof) != (c.kind == "proof") || errors.As(err, &large) != (c.kind == "large") {
				t.Fatalf("want %s: %v", c.kind, err)
			}
			contains(t, err, c.want)
			if c.kind == "fork" {
				evidence(t, fork)
			}
		})
	}
}

// evidence wants two notes that convict the log's key.
func evidence(t *testing.T, fork *ForkError) {
	t.Helper()
	_, key := pair(t, "registry.example/log", 1)
	for _, c := range []Checkpoint{fork.Saved, fork.Seen} {
		if parsed, err := ParseCheckpoint(c.Note, key); err != nil || !parsed.same(c) {
			t.Error(err)
		}
	}
}

type refusal struct {
	name, kind, want string
	ask              int
	attack           func(t *testing.T, evil, old *memory)
}

func set(name, text string) func(*testing.T, *memory, *memory) {
	return func(_ *testing.T, evil, _ *memory) { evil.data[name] = []byte(text) }
}

func refusals() []refusal {
	lookup := LookupName("acme/scaler", "1.5.0")
	return []refusal{
		{"fewer records", "fork", "had 300 records and shows 100", 0, func(t *testing.T, evil, _ *memory) {
			*evil = *newMemory()
			grown(t, evil, 100)
		}},
		{"another history", "fork", "two logs", 0, func(t *testing.T, evil, _ *memory) {
			forked(t, evil, 400)
		}},
		{"another history of one size", "fork", "two logs", 0, func(t *testing.T, evil, _ *memory) {
			forked(t, evil, 300)
		}},
		{"another key", "proof", "no signature of the log's key", 0, func(t *testing.T, evil, _ *memory) {
			signer, _ := pair(t, "registry.example/log", 2)
			resign(t, evil, func(s string) string { return s }, signer)
		}},
		{"no tiles", "", "cannot be read", 5, func(_ *testing.T, evil, _ *memory) {
			for name := range evil.data {
				if strings.HasPrefix(name, "log/tile/") {
					delete(evil.data, name)
				}
			}
		}},
		{"a changed tile", "proof", "do not add up", 5, func(_ *testing.T, evil, _ *memory) {
			data := slices.Clone(evil.data["log/tile/8/0/000"])
			data[7] ^= 1
			evil.data["log/tile/8/0/000"] = data
		}},
		{"a short tile", "proof", "bytes instead of", 5, set("log/tile/8/0/000", "x")},
		{"a long tile", "large", "at most", 5, set("log/tile/8/0/000", strings.Repeat("x", 9000))},
		{"a long checkpoint", "large", "at most", 0, set(CheckpointName, strings.Repeat("x", MaxCheckpoint+1))},
		{"a lookup of another record", "proof", "says something else", 5, set(lookup, "6\n")},
		{"a lookup beyond the end", "proof", "of a log with 600", 5, set(lookup, "600\n")},
		{"a lookup in another spelling", "proof", "plain decimal", 5, set(lookup, "+5\n")},
		{"a long lookup", "large", "at most", 5, set(lookup, strings.Repeat("1", 100))},
		{"no lookup", "proof", "no record of that release", 5, func(_ *testing.T, evil, _ *memory) { delete(evil.data, lookup) }},
		{"a release that was never logged", "proof", "no record", 9999, func(*testing.T, *memory, *memory) {}},
	}
}

// forked makes a log of the right key with another first record.
func forked(t *testing.T, evil *memory, size int) {
	*evil = *newMemory()
	signer, key := pair(t, "registry.example/log", 1)
	l, err := Create(t.Context(), evil, signer, key)
	must(t, err)
	appendTo(t, l, 5000, 5001)
	appendTo(t, l, 1, size)
}

// TestForkAfterUse: a client that holds tiles of the log in memory still sees that
// it forked.
func TestForkAfterUse(t *testing.T) {
	store := newMemory()
	_, key := grown(t, store, 300)
	v := &Verifier{Source: store, Key: key}
	_, err := v.Update(t.Context())
	must(t, err)
	for _, n := range []int{0, 299} {
		_, err = v.Included(t.Context(), made(n))
		must(t, err)
	}
	forked(t, store, 400)
	var fork *ForkError
	if _, err := v.Update(t.Context()); !errors.As(err, &fork) {
		t.Error(err)
	}
}
