// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plugin is an archive and what a registry says of it.
type plugin struct {
	Archive  string
	Platform release.Platform
	files    map[string]archive.Sum
}

// newPlugin packs a plugin whose executable is a text.
func newPlugin(t testing.TB, text string, extra map[string]string) plugin {
	t.Helper()
	dir := t.TempDir()
	m := manifest.Manifest{
		Name: "scaler", Version: "1.2.0", Protocols: []int{1}, Executable: "scaler",
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))), Grants: []manifest.Grant{},
	}
	data, err := m.Encode()
	must(t, err)
	files := map[string]string{"manifest.json": string(data), "scaler": text, "lib/a.txt": "a", "LICENSE": "free"}
	maps.Copy(files, extra)
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
	var out bytes.Buffer
	packed, err := archive.Pack(dir, &out, archive.Options{})
	must(t, err)
	name := filepath.Join(t.TempDir(), "plugin.tar.zst")
	must(t, os.WriteFile(name, out.Bytes(), 0o644))
	return plugin{Archive: name, Platform: packed.Platform(), files: packed.Files}
}

// newStore is an empty store whose directory is not there yet. Its clock is ahead
// of the files', so that verdicts count at once.
func newStore(t testing.TB) *Store {
	t.Helper()
	root := filepath.Join(t.TempDir(), "data", "bulkhead")
	t.Cleanup(func() { _ = archive.Remove(root) })
	s := Open(root)
	s.now = func() time.Time { return time.Now().Add(10 * time.Second) }
	return s
}

func add(t testing.TB, s *Store, p plugin) string {
	t.Helper()
	dir, err := s.Add(context.Background(), p.Archive, p.Platform)
	must(t, err)
	return dir
}

// listed are the names in a directory of a store.
func listed(t testing.TB, s *Store, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(s.path(dir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// locking is a lock file with plugins for a platform.
func locking(platform string, plugins ...plugin) *lock.File {
	f := &lock.File{}
	for i, p := range plugins {
		f.Set(lock.Plugin{
			ID: fmt.Sprintf("acme/p%d", i), Registry: "default", Version: "1.2.0",
			Platforms: map[string]lock.Platform{platform: lock.Of(p.Platform, lock.Signed)},
		})
	}
	return f
}

// elsewhere is a lock file with one plugin for a platform that is not this one, so
// that nothing needs to be installed. Different texts have different digests.
func elsewhere(text string) *lock.File { return locking("plan9_386", imagined(text)) }

func imagined(text string) plugin {
	sum := sha256.Sum256([]byte(text))
	digest := fmt.Sprintf("sha256:%x", sum)
	return plugin{Platform: release.Platform{H1: archive.H1(map[string]archive.Sum{"a": sum}), Executable: digest, Archive: digest}}
}

func scopeOf(t testing.TB, s *Store, dir string) *Scope {
	t.Helper()
	sc, err := s.Scope(dir)
	must(t, err)
	return sc
}

// doSwitch replaces what is there.
func doSwitch(t testing.TB, sc *Scope, f *lock.File) int {
	t.Helper()
	n, err := sc.Switch(context.Background(), nil, f, "test")
	must(t, err)
	return n
}

func encoded(t testing.TB, f *lock.File) string {
	t.Helper()
	data, err := f.Encode()
	must(t, err)
	return string(data)
}

// The variables that make the test binary another host.
const (
	childVariable = "BULKHEAD_TEST_INSTALL"
	stepVariable  = "BULKHEAD_TEST_STEP"
)

// task is what another host does.
type task struct {
	Do, Root, Project string
	Plugin            plugin
	ID                string
	Next              string // text of a lock file
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		var do task
		err := json.Unmarshal([]byte(text), &do)
		if err == nil {
			err = do.run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func (k task) command(env ...string) *exec.Cmd {
	data, _ := json.Marshal(k)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, childVariable+"="+string(data))...)
	return cmd
}

func (k task) run() error {
	ctx := context.Background()
	s := Open(k.Root)
	s.Fail = dieAt(os.Getenv(stepVariable))
	sc, err := s.Scope(k.Project)
	if err != nil {
		return err
	}
	switch k.Do {
	case "add":
		_, err = s.Add(ctx, k.Plugin.Archive, k.Plugin.Platform)
	case "repair":
		_, err = s.Repair(ctx, k.Plugin.Archive, k.Plugin.Platform)
	case "switch":
		err = k.switchTo(ctx, sc)
	case "work":
		err = k.work(ctx, s)
	case "install":
		err = k.install(ctx, s, sc)
	case "collect":
		err = k.collect(ctx, s)
	case "rollback":
		_, err = sc.Rollback(ctx, 0)
	case "gc":
		s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
		_, err = s.GC(ctx, 1, false)
	case "lease":
		if _, err = s.Lease(ctx, k.Plugin.Platform.H1); err == nil {
			fmt.Println("leased")
			time.Sleep(time.Hour) // select would be a deadlock, which ends a process without cgo
		}
	case "join":
		err = join(ctx, sc, k.ID)
	}
	return err
}

func (k task) switchTo(ctx context.Context, sc *Scope) error {
	next, err := lock.Parse("next", []byte(k.Next))
	if err == nil {
		_, err = sc.Switch(ctx, nil, next, "child")
	}
	return err
}

// join adds a plugin to the lock file as hosts do, and plans anew when another
// one was faster.
func join(ctx context.Context, sc *Scope, id string) error {
	for {
		base, _, err := sc.Current()
		if err != nil {
			return err
		}
		next := base.Clone()
		p := elsewhere(id).Plugins[0]
		p.ID = id
		next.Set(p)
		_, err = sc.Switch(ctx, base, next, "join "+id)
		if _, changed := errors.AsType[*ChangedError](err); !changed {
			return err
		}
	}
}

// dieAt ends the process at a step, as "kill -9" would: "7" is the eighth one. "count" prints
// a dot at each instead.
func dieAt(text string) func(string) error {
	if text == "" {
		return nil
	}
	n := -1
	if text != "count" {
		_, _ = fmt.Sscan(text, &n)
	}
	at := 0
	return func(string) error {
		if text == "count" {
			fmt.Print(".")
		}
		if at == n {
			if p, err := os.FindProcess(os.Getpid()); err == nil {
				_ = p.Kill()
			}
			select {}
		}
		at++
		return nil
	}
}

// steps is how many steps a task passes.
func (k task) steps(t *testing.T) int {
	t.Helper()
	out, err := k.command(stepVariable + "=count").Output()
	must(t, err)
	return strings.Count(string(out), ".")
}

func together(t *testing.T, tasks ...task) {
	t.Helper()
	var cmds []*exec.Cmd
	for _, k := range tasks {
		cmd := k.command()
		cmd.Stderr = new(bytes.Buffer)
		must(t, cmd.Start())
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", err, cmd.Stderr)
		}
	}
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
