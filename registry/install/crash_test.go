// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// scene is a project that uses one plugin and is about to use another one.
type scene struct {
	store    *Store
	scope    *Scope
	old, new plugin
	texts    []string // that the lock file had, the last one is current
}

func newScene(t *testing.T, old, new plugin, project string) *scene {
	t.Helper()
	root := t.TempDir() + "/bulkhead"
	t.Cleanup(func() { _ = archive.Remove(root) })
	s := Open(root)
	add(t, s, old)
	c := &scene{store: s, scope: scopeOf(t, s, project), old: old, new: new}
	_ = os.Remove(c.scope.Lock())
	c.use(t, "1.2.0", old)
	return c
}

func (c *scene) use(t *testing.T, version string, p plugin) {
	t.Helper()
	f := locking(release.Host(), p)
	f.Plugins[0].Version = version
	doSwitch(t, c.scope, f)
	c.texts = append(c.texts, encoded(t, f))
}

// consistent wants the old state or the new one: the lock file says one of the
// texts, all that it needs is there and whole, and every generation can be read.
func (c *scene) consistent(t *testing.T, where string, texts ...string) {
	t.Helper()
	f, n, err := c.scope.Current()
	if err != nil || n == 0 || !slices.Contains(texts, encoded(t, f)) {
		t.Errorf("%s: generation %d, %v", where, n, err)
		return
	}
	for _, p := range f.Plugins {
		h1 := needed(p)
		if h1 == "" {
			continue
		}
		if err := c.store.Verify(t.Context(), h1); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	generations, err := c.scope.Generations()
	if err != nil {
		t.Errorf("%s: %v", where, err)
	}
	for _, g := range generations {
		if _, err := c.scope.Generation(g.Number); err != nil {
			t.Errorf("%s: generation %d: %v", where, g.Number, err)
		}
	}
}

// collectable runs a collection two hours later, after which nothing but whole
// entries and generations is left.
func (c *scene) collectable(t *testing.T, where string) {
	t.Helper()
	c.store.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if _, err := c.store.GC(t.Context(), 0, false); err != nil {
		t.Errorf("%s: %v", where, err)
	}
	equal(t, where+": staging", listed(t, c.store, stagingDir), nil)
	installed, err := c.store.Installed()
	must(t, err)
	for _, h1 := range installed {
		if err := c.store.Verify(t.Context(), h1); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// TestKilledAtEveryStep kills a host at each step of each operation. What it
// leaves is the old state or the new one, can be collected, and the operation can
// be done again.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a process for every step")
	}
	old, next := newPlugin(t, "#!old", nil), newPlugin(t, "#!new", nil)
	for _, do := range []string{"add", "repair", "switch", "rollback", "gc"} {
		t.Run(do, func(t *testing.T) { killAtEveryStep(t, do, old, next) })
	}
}

func killAtEveryStep(t *testing.T, do string, old, next plugin) {
	project := t.TempDir()
	for n, steps := 0, 1; n < steps; n++ {
		c := newScene(t, old, next, project)
		k := task{Do: do, Root: c.store.root, Project: project, Plugin: next}
		texts := c.prepare(t, do, &k)
		if n == 0 {
			steps = k.steps(t)
			if steps < 3 {
				t.Fatalf("%d steps", steps)
			}
			c = newScene(t, old, next, project)
			k.Root = c.store.root
			texts = c.prepare(t, do, &k)
		}
		where := fmt.Sprintf("%s, step %d of %d", do, n+1, steps)
		err := k.command(fmt.Sprintf("%s=%d", stepVariable, n)).Run()
		if err == nil || !strings.Contains(err.Error(), "kill") {
			t.Fatalf("%s: the process was not killed: %v", where, err)
		}
		if do == "repair" {
			_, err := c.store.Repair(t.Context(), next.Archive, next.Platform)
			must(t, err)
		}
		c.consistent(t, where, texts...)
		must(t, k.command().Run())
		c.consistent(t, where+", done again", texts...)
		c.collectable(t, where)
		c.consistent(t, where+", collected", texts...)
	}
}

// prepare brings the scene to where an operation begins and returns the texts
// that the lock file may have in the end.
func (c *scene) prepare(t *testing.T, do string, k *task) []string {
	t.Helper()
	switch do {
	case "repair":
		dir := add(t, c.store, c.new)
		c.use(t, "1.3.0", c.new)
		must(t, overwrite(dir+"/LICENSE", "changed"))
	case "switch":
		add(t, c.store, c.new)
		f := locking(release.Host(), c.new)
		k.Next = encoded(t, f)
		c.texts = append(c.texts, k.Next)
	case "rollback":
		add(t, c.store, c.new)
		c.use(t, "1.3.0", c.new)
		c.use(t, "1.4.0", c.new)
	case "gc":
		add(t, c.store, c.new)
		c.use(t, "1.3.0", c.new)
		c.use(t, "1.4.0", c.new)
		return c.texts[2:]
	}
	return c.texts
}
