// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// A lock file that agrees to less than an installed plugin asks for is a question
// again, which is what the plugin's refusal to start promises.
func TestConsentThatWasTakenBackIsAskedForAgain(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here, "read /data/a", "env HF_HOME")
	f.apply(Request{Wants: want("")})
	i := f.installer()
	base, _, err := i.Scope.Current()
	if err != nil {
		t.Fatal(err)
	}
	next := base.Clone()
	next.Plugins[0].Grants = []string{"env HF_HOME"}
	if _, err := i.Scope.Switch(t.Context(), base, next, "by hand"); err != nil {
		t.Fatal(err)
	}
	p, err := f.installer().Plan(t.Context(), Request{Wants: want("")})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Changes[0]
	if p.Empty() || !c.Changes() || len(c.Asks) != 1 || c.Asks[0].String() != "read /data/a" {
		t.Errorf("empty %v, change %+v", p.Empty(), c)
	}
	if err := p.Consent(t.Context(), nil, nil); err == nil {
		t.Error("nobody agreed, and it went on")
	}
}

// A plugin of the same name in another registry is another plugin: what was agreed
// to for the one is asked again for the other, and that it moved is said.
func TestAnotherRegistryIsAskedAbout(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	f.publish("tool", "1.0.0", here, "read /data/a")
	other.publish("tool", "1.0.0", here, "read /data/a")
	f.apply(Request{Wants: want("")})
	i := f.installer()
	i.Registries.Declared = append(i.Registries.Declared,
		&config.Registry{Name: "other", Address: other.dir, Root: config.Path{Absolute: other.root}, LogKey: other.logKey})
	w := want("")
	w[0].Registry = "other"
	p, err := i.Plan(t.Context(), Request{Wants: w})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Changes[0]
	if len(c.Asks) != 1 || c.Kind != Install || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], `came from "test" before`) {
		t.Errorf("%+v", c)
	}
	entry, _ := p.Next.Lookup("acme/tool")
	for key, pl := range entry.Platforms {
		if len(pl.Known) != 1 || pl.Known[0] != lock.Signed {
			t.Errorf("%s is known as %v by another registry's word", key, pl.Known)
		}
	}
}

// A registry that a project declares is shown before it is asked for anything, and
// one that was agreed to is not shown again.
func TestStrangersRegistryIsMetFirst(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	met, answer := 0, error(&UnmetError{Registry: "test", Address: f.dir})
	plan := func(change func(*Registries)) error {
		i := f.installer()
		i.Registries.Meet = func(context.Context, *config.Registry) error { met++; return answer }
		if change != nil {
			change(i.Registries)
		}
		_, err := i.Plan(t.Context(), Request{Wants: want("")})
		return err
	}
	if _, ok := errors.AsType[*UnmetError](plan(nil)); !ok || met != 1 {
		t.Fatalf("it was asked all the same, after %d questions", met)
	}
	if list, err := os.ReadDir(filepath.Join(f.data, "state")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept of it: %v %v", list, err)
	}
	answer = nil
	for range 2 {
		if err := plan(nil); err != nil || met != 2 {
			t.Fatalf("agreed: %v after %d questions", err, met)
		}
	}
	// The same server with a token to send is another thing to agree to.
	t.Setenv("TOKEN", "x")
	token := func(r *Registries) { r.Declared[0].Token = &config.SecretSource{Name: "token", Env: "TOKEN"} }
	if err := plan(token); err != nil || met != 3 {
		t.Errorf("a token: %v after %d questions", err, met)
	}
	// One of the user's own is no stranger, whatever the project calls it.
	own := func(r *Registries) {
		r.StateDir = t.TempDir()
		mine := *r.Declared[0]
		mine.Name = "mine"
		r.User = []*config.Registry{&mine}
	}
	if err := plan(own); err == nil || !strings.Contains(err.Error(), "several registries") || met != 3 {
		t.Errorf("two names: %v after %d questions", err, met)
	}
	if err := plan(func(r *Registries) { own(r); r.User, r.Declared = r.Declared, nil }); err != nil || met != 3 {
		t.Errorf("the user's own: %v after %d questions", err, met)
	}
}

// A first root that is a pipe is refused; waiting for somebody to write into it
// would hang.
func TestRootIsAFile(t *testing.T) {
	for _, name := range []string{t.TempDir(), os.DevNull} {
		if _, err := readRoot(name); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two hosts fetch the same archive into the same place; the one that is late finds
// it unpacked and gone.
func TestTwoHostsFetchTheSame(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	const hosts = 8
	errs := make(chan error, hosts)
	for range hosts {
		i := f.installer()
		scope, err := install.Open(f.data).Scope(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		i.Scope = scope
		p, err := i.Plan(t.Context(), Request{Wants: want("")})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := i.Fetch(t.Context(), p)
			errs <- err
		}()
	}
	for range hosts {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := discard(filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Error(err)
	}
}

// What the configuration is going to ask for is in the lock file from the
// beginning, so that the next start finds both the same.
func TestConstrainedFromTheBeginning(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	i := f.installer()
	p, err := i.Plan(t.Context(), Request{Wants: want("")})
	if err != nil {
		t.Fatal(err)
	}
	p.Constrain("acme/tool", "~> 1.0")
	p.Constrain("acme/none", "~> 1.0")
	err = p.Consent(t.Context(), nil, agree)
	if err == nil {
		_, err = i.Fetch(t.Context(), p)
	}
	if err == nil {
		_, err = i.Commit(t.Context(), p, "test")
	}
	if err != nil {
		t.Fatal(err)
	}
	if p, err = f.installer().Plan(t.Context(), Request{Wants: want("~> 1.0")}); err != nil || !p.Same() {
		t.Errorf("%v, %v", err, lock.Diff(p.Base, p.Next))
	}
}
