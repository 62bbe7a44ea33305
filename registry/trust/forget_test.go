// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// TestBackFromAFork: a client saw a log fork and goes back to the mirror that it
// used before. What it is told is why, and what ends it; until then it goes on to
// refuse, and afterwards it trusts the honest side with the evidence kept.
func TestBackFromAFork(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	_, err := g.client(g.Files, state).Refresh(t.Context())
	must(t, err)
	honest := g.Clone()
	g.fork("acme/scaler@9.0.0", "acme/scaler@1.0.0")
	g.publish("acme/scaler@9.9.9")
	_, err = g.client(g.Files, state).Refresh(t.Context())
	refused(t, err, trust.Fork, "two logs")
	if !strings.Contains(err.Error(), "`bulkhead registry forget default --seen`") {
		t.Errorf("a fork: %v", err)
	}
	for range 2 {
		_, err = g.client(honest, state).Refresh(t.Context())
		refused(t, err, trust.Rollback, "timestamp")
		for _, part := range []string{"was seen to fork", "fork.txt", "`bulkhead registry forget default --seen`"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("back at the honest mirror, %q is not in: %v", part, err)
			}
		}
	}
	c := g.client(honest, state)
	evidence, err := c.Forget(t.Context())
	must(t, err)
	text, err := os.ReadFile(evidence)
	must(t, err)
	if strings.Count(string(text), "\n— registry.example/log") != 2 {
		t.Errorf("the evidence is %q", text)
	}
	_, err = fetch(t, c, "acme/scaler", "1.0.0")
	must(t, err)
	_, err = g.client(g.Files, state).Refresh(t.Context())
	refused(t, err, trust.Fork, "two logs")
}

// TestShorterLogIsNoFork: what may be an old copy convicts nobody, and the client is
// told what to do when it is none.
func TestShorterLogIsNoFork(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	_, err := g.client(g.Files, state).Refresh(t.Context())
	must(t, err)
	g.fork()
	_, err = g.client(g.Files, state).Refresh(t.Context())
	refused(t, err, trust.Rollback, "shows 0")
	if !strings.Contains(err.Error(), "use another; if its owner says") || !strings.Contains(err.Error(), "forget default --seen") {
		t.Error(err)
	}
	if names, _ := filepath.Glob(filepath.Join(state, "*", "fork*")); len(names) != 0 {
		t.Errorf("%q were kept as evidence", names)
	}
}

// TestForgetBeginsAnew: nothing is left of what was seen, and a client without a
// fork has no evidence.
func TestForgetBeginsAnew(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	c := g.client(g.Files, state)
	_, err := fetch(t, c, "acme/scaler", "1.0.0")
	must(t, err)
	g.PublishRoot()
	before, err := c.Refresh(t.Context())
	must(t, err)
	evidence, err := c.Forget(t.Context())
	if evidence != "" || err != nil {
		t.Error(evidence, err)
	}
	dirs, err := os.ReadDir(state)
	must(t, err)
	left, err := os.ReadDir(filepath.Join(state, dirs[0].Name()))
	must(t, err)
	if len(left) != 2 { // the root that was given, and the lock
		t.Errorf("%v is left", left)
	}
	if _, err := c.Plugins(t.Context()); err == nil {
		t.Error("a client that forgot everything lists plugins")
	}
	if after, err := c.Refresh(t.Context()); err != nil || !maps.Equal(after.Versions, before.Versions) {
		t.Error(after, err)
	}
}

// TestForkEvidenceStays: the first fork is the one that is kept.
func TestForkEvidenceStays(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	c := g.client(g.Files, state)
	_, err := c.Refresh(t.Context())
	must(t, err)
	var first []byte
	for _, version := range []string{"2.0.0", "3.0.0"} {
		g.fork("acme/scaler@"+version, "acme/scaler@1.0.0")
		_, err = c.Refresh(t.Context())
		refused(t, err, trust.Fork, "two logs")
		names, _ := filepath.Glob(filepath.Join(state, "*", "fork.txt"))
		text, err := os.ReadFile(names[0])
		must(t, err)
		if first == nil {
			first = text
		}
		if string(text) != string(first) {
			t.Error("the evidence of the first fork is gone")
		}
	}
}
