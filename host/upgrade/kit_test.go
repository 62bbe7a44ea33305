// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/repo/repotest"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// programs are real plugins, built once.
var programs struct {
	sync.Mutex
	dir   string
	built map[string]string
}

// program builds the plugin of the host's scripts in a version and a mode.
func program(t testing.TB, version, mode string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	if programs.dir == "" {
		dir, err := os.MkdirTemp("", "upgrade-test-")
		must(t, err)
		must(t, os.Chmod(dir, 0o755))
		programs.dir, programs.built = dir, map[string]string{}
	}
	key := version + "-" + mode
	if programs.built[key] == "" {
		name := filepath.Join(programs.dir, "times-"+key)
		cmd := exec.Command("go", "build", "-trimpath", "-o", name, "-ldflags", "-s -w -X main.version="+version+" -X main.mode="+mode, "../cli/testdata/times")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		programs.built[key] = name
	}
	return programs.built[key]
}

// pack makes the archive of a plugin of a name.
func pack(t testing.TB, name, version string, executable []byte, grants ...manifest.Grant) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, name), executable, 0o755))
	m := manifest.Manifest{
		Name: name, Version: version, Summary: "Multiplies numbers", Licence: "Apache-2.0", Protocols: []int{handshake.ProtocolVersion}, Executable: name,
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(executable)), Grants: append([]manifest.Grant{}, grants...),
	}
	text, err := json.Marshal(m)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, manifest.FileName), text, 0o644))
	file := filepath.Join(t.TempDir(), "a.tar.zst")
	out, err := os.Create(file)
	must(t, err)
	_, err = archive.Pack(dir, out, archive.Options{})
	must(t, err)
	must(t, out.Close())
	return file
}

// lab is a project with the plugin acme/times from a real registry.
type lab struct {
	t        testing.TB
	dir      string
	registry *repotest.Registry
	places
}

// places are where a host finds what it needs.
type places struct{ Registry, LogKey, Root, State, Store, Project, Audit string }

func newLab(t testing.TB) *lab {
	t.Helper()
	return labIn(t, filepath.Join(t.TempDir(), "lab"))
}

func labIn(t testing.TB, dir string) *lab {
	t.Helper()
	must(t, os.Mkdir(dir, 0o755))
	r, err := repotest.New(t.Context(), filepath.Join(dir, "registry"))
	must(t, err)
	l := &lab{t: t, dir: dir, registry: r, places: places{
		Registry: r.Dir, LogKey: r.LogKey, Root: filepath.Join(dir, "root.json"), State: filepath.Join(dir, "state"),
		Store: filepath.Join(dir, "data", "bulkhead"), Project: filepath.Join(dir, "project"), Audit: filepath.Join(dir, "audit"),
	}}
	must(t, os.WriteFile(l.Root, r.Root, 0o644))
	must(t, os.Mkdir(l.Project, 0o755))
	t.Cleanup(func() { _ = archive.Remove(l.Store) })
	return l
}

// kernels are those of the plugin with a version of its states.
func kernels(state uint32) []release.Kernel {
	return []release.Kernel{{Name: "centre", Compartment: "data", StateVersion: state, MinStateVersion: state}, {Name: "times", Compartment: "data"}}
}

// publish adds a version; without kernels the release names none.
func (l *lab) publish(version, mode string, list ...release.Kernel) {
	l.t.Helper()
	data, err := os.ReadFile(program(l.t, version, mode))
	must(l.t, err)
	d := repo.Details{Changes: "news of " + version, Kernels: list}
	if list != nil {
		d.Collectors, d.Checks = []string{"times"}, []string{"times.fine"}
	}
	must(l.t, l.registry.Publish(l.t.Context(), pack(l.t, "times", version, data), d))
}

// installer is a new one, as another host would have it.
func (p places) installer() (*installer.Installer, error) {
	store := install.Open(p.Store)
	scope, err := store.Scope(p.Project)
	return &installer.Installer{
		Registries: &installer.Registries{
			User:     []*config.Registry{{Name: "main", Address: p.Registry, LogKey: p.LogKey, Root: config.Path{Absolute: p.Root}}},
			StateDir: p.State, LookupEnv: os.LookupEnv, Progress: func(trust.Event) {},
		},
		Store: store, Scope: scope, Host: "0.9.0", Protocols: []int{handshake.ProtocolVersion},
	}, err
}

// log opens the audit log, which must be closed.
func (p places) log() (*audit.Log, error) { return audit.Open(p.Audit, audit.Host{Version: "0.9.0"}) }

// told are the reasons of the switches in the audit log.
func (p places) told(t testing.TB) (out []string) {
	t.Helper()
	_, err := audit.Select(p.Audit, audit.Query{Kind: audit.KindSwitch}, func(r audit.Record) error {
		e, err := r.Event()
		if err == nil {
			out = append(out, e.(audit.Switch).Why)
		}
		return err
	})
	must(t, err)
	return out
}

// recover does what the next host does when it begins.
func (p places) recover(t testing.TB, scope *install.Scope) {
	t.Helper()
	log, err := p.log()
	must(t, err)
	_, err = Recover(scope, func() *audit.Log { return log })
	must(t, err)
	must(t, log.Close())
}

// machine has the gates that a test has not replaced.
func machine(i *installer.Installer) *Machine {
	return &Machine{Installer: i, Canary: 3, By: "user", Gates: Gates{
		Launcher: func(c *catalog.Catalog) *catalog.Launcher { return &catalog.Launcher{Catalog: c} },
		Names:    func(string) []string { return []string{"times"} },
	}}
}

func plan(ctx context.Context, i *installer.Installer, constraint string) (*installer.Plan, error) {
	p, err := i.Plan(ctx, installer.Request{
		Wants: []installer.Want{{ID: "acme/times", Constraint: constraint, From: "a test"}}, UpgradeAll: true, Online: true,
	})
	if err != nil {
		return nil, err
	}
	return p, p.Consent(ctx, nil, nil)
}

// upgrade changes the project to what a constraint allows.
func (l *lab) upgrade(constraint string, with ...func(*Machine)) (Outcome, error) {
	l.t.Helper()
	i, err := l.installer()
	must(l.t, err)
	p, err := plan(l.t.Context(), i, constraint)
	must(l.t, err)
	m := machine(i)
	for _, f := range with {
		f(m)
	}
	return m.Run(l.t.Context(), p, "a test")
}

func (l *lab) scope() *install.Scope {
	l.t.Helper()
	s, err := install.Open(l.Store).Scope(l.Project)
	must(l.t, err)
	return s
}

// version is what is locked; "" when nothing is.
func version(t testing.TB, s *install.Scope) string {
	t.Helper()
	f, _, err := s.Current()
	must(t, err)
	p, _ := f.Lookup("acme/times")
	return p.Version
}

func (l *lab) version() string { return version(l.t, l.scope()) }

// locks wants a version to be locked and whole.
func (l *lab) locks(want string) {
	l.t.Helper()
	if got := l.version(); got != want {
		l.t.Errorf("%q is locked, want %q", got, want)
	}
	l.whole()
}

// whole wants the files of what is locked to be as they were installed.
func (l *lab) whole() {
	l.t.Helper()
	f, _, err := l.scope().Current()
	must(l.t, err)
	for _, p := range f.Plugins {
		if _, h1 := locked(p); install.Open(l.Store).Verify(l.t.Context(), h1) != nil {
			l.t.Errorf("%s %s is damaged", p.ID, p.Version)
		}
	}
}

// steps are the events of an outcome: "smoke done".
func (o Outcome) steps() (out []string) {
	for _, e := range o.Events {
		out = append(out, string(e.Step)+" "+string(e.Status))
	}
	return out
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func contains(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q", err, part)
		}
	}
}

// shelf is a scope with plugins that are never started.
type shelf struct {
	t     testing.TB
	store *install.Store
	scope *install.Scope

	project string // its directory
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	return shelfIn(t, t.TempDir())
}

func shelfIn(t testing.TB, dir string) *shelf {
	t.Helper()
	store := install.Open(filepath.Join(dir, "bulkhead"))
	t.Cleanup(func() { _ = archive.Remove(store.Root()) })
	project := filepath.Join(dir, "project")
	must(t, os.MkdirAll(project, 0o755))
	scope, err := store.Scope(project)
	must(t, err)
	return &shelf{t, store, scope, project}
}

// plugin puts a version into the store.
func (s *shelf) plugin(id, version string) lock.Plugin {
	s.t.Helper()
	_, name, _ := strings.Cut(id, "/")
	file := pack(s.t, name, version, []byte(id+version))
	f, err := os.Open(file)
	must(s.t, err)
	defer f.Close()
	dir := filepath.Join(s.t.TempDir(), "x")
	u, err := archive.Unpack(s.t.Context(), f, dir, archive.Limits{})
	must(s.t, err)
	must(s.t, archive.Remove(dir))
	data, err := os.ReadFile(file)
	must(s.t, err)
	pl := release.Platform{
		H1: u.H1, Executable: u.Manifest.Digest, Archive: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Bytes: int64(len(data)), Unpacked: u.Bytes,
	}
	_, err = s.store.Add(s.t.Context(), file, pl)
	must(s.t, err)
	return lock.Plugin{ID: id, Registry: "main", Version: version, Platforms: map[string]lock.Platform{release.Host(): lock.Of(pl, lock.Signed)}}
}

// use switches to these plugins, and leaves others as they are.
func (s *shelf) use(list ...lock.Plugin) int {
	s.t.Helper()
	now, _, err := s.scope.Current()
	must(s.t, err)
	next := now.Clone()
	for _, p := range list {
		next.Set(p)
	}
	n, err := s.scope.Switch(s.t.Context(), now, next, "a test")
	must(s.t, err)
	return n
}

// watched puts an upgrade on probation and switches to it.
func (s *shelf) watched(runs, budget int, list ...lock.Plugin) {
	s.t.Helper()
	now, before, err := s.scope.Current()
	must(s.t, err)
	p := &probation{ID: fmt.Sprint(before, list[0].Version), At: timeNow(), Why: "a test", Before: before, Left: runs, Budget: budget}
	back := &lock.File{}
	for _, to := range list {
		from, _ := now.Lookup(to.ID)
		back.Set(from)
		_, h1 := locked(to)
		p.Plugins = append(p.Plugins, watched{to.ID, from.Version, to.Version, h1})
	}
	text, err := back.Encode()
	must(s.t, err)
	p.Back = string(text)
	must(s.t, record{scope: s.scope}.change(func(list []*probation, _ *lock.File) ([]*probation, error) { return append(list, p), nil }))
	s.use(list...)
}

// versions are what is locked, in order.
func (s *shelf) versions() string {
	s.t.Helper()
	f, _, err := s.scope.Current()
	must(s.t, err)
	var out []string
	for _, p := range f.Plugins {
		out = append(out, p.ID+" "+p.Version)
	}
	return strings.Join(out, ", ")
}

// run makes a run of acme/times that ends in some way.
func (s *shelf) run(id string, e Ended) []Verdict {
	s.t.Helper()
	w, err := Begin(s.t.Context(), s.scope, id, []string{"acme/times"}, nil)
	must(s.t, err)
	out, err := w.End(s.t.Context(), e)
	must(s.t, err)
	return append(w.Found(), out...)
}
