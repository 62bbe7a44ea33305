// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

type edge struct {
	parent, role string
	terminating  bool
	paths        []string
}

// graph makes a repository with delegations.
func graph(t *testing.T, edges []edge) *tuftest.Repo {
	t.Helper()
	r := tuftest.New(t)
	roles := map[string]bool{"targets": true}
	for _, e := range edges {
		if e.paths == nil {
			e.paths = []string{"*"}
		}
		r.DelegateFrom(e.parent, e.role, e.terminating, e.paths...)
		roles[e.parent], roles[e.role] = true, true
	}
	r.Publish(slices.Sorted(maps.Keys(roles))...)
	return r
}

// TestOrder: roles are asked in the order of the delegations, depth first.
func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		edges []edge
		want  string
	}{
		"one":          {[]edge{{"targets", "A", false, nil}}, "A"},
		"depth first":  {[]edge{{"targets", "A", false, nil}, {"targets", "B", false, nil}, {"A", "C", false, nil}, {"C", "D", false, nil}}, "A C D B"},
		"terminating":  {[]edge{{"targets", "A", false, nil}, {"targets", "B", false, nil}, {"A", "C", true, nil}, {"A", "D", false, nil}}, "A C"},
		"other paths":  {[]edge{{"targets", "A", false, []string{"*.py"}}, {"targets", "B", false, nil}, {"A", "C", false, nil}}, "B"},
		"a cycle":      {[]edge{{"targets", "A", false, nil}, {"A", "B", false, nil}, {"B", "A", false, nil}}, "A B"},
		"two to one":   {[]edge{{"targets", "A", false, nil}, {"targets", "B", false, nil}, {"B", "C", false, nil}, {"A", "C", false, nil}}, "A C B"},
		"strange name": {[]edge{{"targets", "../x", false, nil}, {"targets", "?", false, nil}}, "..%2Fx %3F"},
	} {
		t.Run(name, func(t *testing.T) {
			r := graph(t, c.edges)
			cl, err := refresh(t, begin(t, r), r.Files)
			must(t, err)
			r.Requests()
			if _, err := cl.Find(t.Context(), "missing"); !errors.Is(err, tuf.ErrNoTarget) {
				t.Error(err)
			}
			var got []string
			for _, name := range r.Requests() {
				got = append(got, strings.TrimSuffix(strings.TrimPrefix(name, "metadata/1."), ".json"))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("it asked %q, want %q", got, c.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	r := graph(t, []edge{{"targets", "B", false, []string{"r/*/*"}}, {"B", "C", false, []string{"r/x/*"}}})
	r.AddTarget("C", "r/x/1", []byte("one"))
	r.AddTarget("C", "r/z/2", []byte("outside"))
	r.AddTarget("targets", "top", []byte("top"))
	r.Publish("C", "targets")
	dir := begin(t, r)
	c, err := refresh(t, dir, r.Files)
	must(t, err)
	for _, name := range []string{"r/x/1", "top"} {
		f, err := c.Find(t.Context(), name)
		must(t, err)
		if remote := "targets/" + c.RemoteName(f); r.Get(remote) == nil {
			t.Errorf("%s would be at %s", name, remote)
		}
	}
	if _, err := c.Find(t.Context(), "r/z/2"); !errors.Is(err, tuf.ErrNoTarget) {
		t.Errorf("a target outside the paths of its role: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "C.json")); err != nil {
		t.Error(err)
	}
	r.Requests()
	again, err := refresh(t, dir, r.Files)
	must(t, err)
	_, err = again.Find(t.Context(), "r/x/1")
	must(t, err)
	if got := r.Requests(); len(got) != 2 {
		t.Errorf("with everything kept it asked for %q", got)
	}
	r.Root.Signed.ConsistentSnapshot = false
	f, err := c.Find(t.Context(), "top")
	must(t, err)
	delete(f.Hashes, "sha256")
	f.Hashes["sha512"] = []byte{0xab}
	if got := c.RemoteName(f); got != "ab.top" {
		t.Error(got)
	}
}

// TestSecondDelegator: B delegates to C with another key than A, so that what A
// vouches for is not what B does.
func TestSecondDelegator(t *testing.T) {
	r := graph(t, []edge{{"targets", "A", false, nil}, {"targets", "B", false, nil}, {"A", "C", false, nil}})
	right := r.Signers["C"]
	r.Signers["C"] = []*tuftest.Key{tuftest.NewKey(t)}
	r.DelegateFrom("B", "C", false, "*")
	r.Signers["C"] = right
	r.Publish("B", "C", "targets", "A")
	c, err := refresh(t, begin(t, r), r.Files)
	must(t, err)
	for _, parent := range []string{"A", "B"} {
		_, err := c.Role(t.Context(), parent, "targets")
		must(t, err)
	}
	_, err = c.Role(t.Context(), "C", "A")
	must(t, err)
	_, err = c.Role(t.Context(), "C", "B")
	refused(t, err, "C", tuf.KeyCompromise)
	c.Forget("C")
	_, err = c.Role(t.Context(), "C", "A")
	must(t, err)
}

func TestRoleRefused(t *testing.T) {
	r := graph(t, []edge{{"targets", "A", false, nil}, {"targets", "T", false, nil}, {"targets", "E", false, nil}})
	r.Targets["targets"].Signed.Delegations.Roles[1].Name = "timestamp"
	r.Publish("targets")
	r.Targets["E"].Signed.Expires = time.Now().Add(-time.Hour)
	r.Publish("E")
	r.Signers["A"] = nil
	r.Publish("A")
	dir := begin(t, r)
	c, err := refresh(t, dir, r.Files)
	must(t, err)
	before := kept(t, dir)
	_, err = c.Role(t.Context(), "timestamp", "targets")
	refused(t, err, "timestamp", tuf.WrongSoftware)
	_, err = c.Role(t.Context(), "A", "targets")
	refused(t, err, "A", tuf.MissingSignature)
	_, err = c.Role(t.Context(), "E", "targets")
	refused(t, err, "E", tuf.Freeze)
	_, err = c.Role(t.Context(), "nobody", "targets")
	refused(t, err, "nobody", tuf.Malformed)
	if !maps.Equal(before, kept(t, dir)) {
		t.Error("what was refused is kept")
	}
	c.At(time.Now().Add(-2 * time.Hour))
	_, err = c.Role(t.Context(), "E", "targets")
	must(t, err)
	_, err = c.Role(t.Context(), "A", "targets")
	refused(t, err, "A", tuf.MissingSignature)
}

// TestTooManyRoles bounds a search.
func TestTooManyRoles(t *testing.T) {
	var edges []edge
	for i := range 40 {
		edges = append(edges, edge{"targets", string(rune('A'+i/10)) + string(rune('0'+i%10)), false, nil})
	}
	r := graph(t, edges)
	c, err := refresh(t, begin(t, r), r.Files)
	must(t, err)
	r.Requests()
	_, err = c.Find(t.Context(), "missing")
	if n := len(r.Requests()); n != tuf.MaxDelegations || !errors.Is(err, tuf.ErrNoTarget) {
		t.Errorf("it asked %d roles: %v", n, err)
	}
}
