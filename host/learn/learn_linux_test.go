// SPDX-License-Identifier: Apache-2.0

package learn_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/learn"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	code := m.Run()
	plugin.RemoveRunDirs()
	os.Exit(code)
}

// probe builds the test's plugin.
func probe(t *testing.T) string { return built(t, "probe") }

// built builds a plugin of testdata.
func built(t *testing.T, name string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", exe, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return exe
}

// collect runs the plugin traced with grants, and returns the proposal.
func collect(t *testing.T, exe string, machine *target.Machine, grants []manifest.Grant) learn.Proposal {
	t.Helper()
	c, err := catalog.Open(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	name, err := c.AddPath(exe)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := c.Entry(name)
	e.Grants = grants
	recorder := &learn.Recorder{}
	l := &catalog.Launcher{Catalog: c, Machine: machine, Floor: sandbox.Namespaced, Trace: func(*catalog.Entry) catalog.Tracer { return recorder }}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r, err := l.Start(ctx, name)
	if err != nil {
		t.Skipf("no sandbox with a root of its own here: %v", err)
	}
	if _, err := pluginv1.NewCollectorServiceClient(r.Conn()).Collect(ctx, &pluginv1.CollectRequest{Target: r.Target}); err != nil {
		t.Error(err)
	}
	if err := l.Close(ctx); err != nil {
		t.Error(err)
	}
	return learn.Propose(learn.Run{Asked: grants, Given: grants, Machine: machine, Seen: recorder.Seen(), Doing: "collecting"})
}

func names(grants []manifest.Grant) (out []string) {
	for _, g := range grants {
		out = append(out, g.String())
	}
	slices.Sort(out)
	return out
}

func refused(p learn.Proposal) (out []string) {
	for _, r := range p.Refused {
		out = append(out, r.What)
	}
	slices.Sort(out)
	return out
}

var needs = []string{"exec /usr/bin/true", "net learn.invalid:443", "read ${process}/limits", "read /etc/os-release", "read /proc/meminfo"}

// A plugin without grants is told exactly what it wants; with that nothing is
// refused, and with one less that one is.
func TestMinimumSuffices(t *testing.T) {
	exe := probe(t)
	machine, err := target.This(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	first := collect(t, exe, machine, nil)
	if got := names(first.Grants); !slices.Equal(got, needs) {
		t.Fatalf("proposed %q\n%+v", got, first)
	}
	if !slices.Contains(first.Absent, "/nowhere/to/be/found") || len(first.Refused) != len(needs) {
		t.Errorf("absent %q, refused %q", first.Absent, refused(first))
	}
	for _, g := range first.Grants {
		if err := g.Validate(); err != nil || !strings.Contains(g.Why, "while collecting") {
			t.Errorf("%s: %q, %v", g, g.Why, err)
		}
	}
	second := collect(t, exe, machine, first.Grants)
	if len(second.Refused)+len(second.Unused) > 0 || !slices.Equal(names(second.Grants), needs) {
		t.Errorf("with the proposal: refused %q, unused %v, proposed %q", refused(second), second.Unused, names(second.Grants))
	}
	for i, without := range first.Grants {
		p := collect(t, exe, machine, slices.Delete(slices.Clone(first.Grants), i, i+1))
		want := strings.Replace(without.String(), "net ", "connection to ", 1)
		if got := refused(p); !slices.Equal(got, []string{want}) {
			t.Errorf("without %s: refused %q", without, got)
		}
	}
}

// What a manifest asks for beyond that is told, and a directory is narrowed to what
// was used of it.
func TestTooMuchIsTold(t *testing.T) {
	machine, err := target.This(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	machine.Env = map[string]string{"LEARN_SET": "1"}
	grant := func(kind, value string) manifest.Grant {
		g := manifest.Grant{Kind: kind, Path: value, Why: "of the author"}
		if kind == manifest.Env {
			g.Path, g.Name = "", value
		}
		return g
	}
	p := collect(t, probe(t), machine, []manifest.Grant{
		grant("read", "/etc/os-rel*"), grant("read", "/proc/meminfo"), grant("read", "/sys/class"), grant("read", "/nothing/of/the/kind"), grant("exec", "/usr/bin/true"),
		grant("env", "LEARN_SET"), grant("env", "LEARN_UNSET"), grant("read", "${process}/limits"),
	})
	want := []string{"env LEARN_SET", "exec /usr/bin/true", "net learn.invalid:443", "read ${process}/limits", "read /etc/os-rel*", "read /proc/meminfo"}
	if got := names(p.Grants); !slices.Equal(got, want) {
		t.Errorf("proposed %q", got)
	}
	var unused []string
	for _, u := range p.Unused {
		unused = append(unused, u.Grant)
	}
	if want := []string{"read /sys/class"}; !slices.Equal(unused, want) {
		t.Errorf("unused %q", unused)
	}
	if want := []string{"env LEARN_UNSET", "read /nothing/of/the/kind"}; !slices.Equal(names(p.NotHere), want) {
		t.Errorf("not here %q", names(p.NotHere))
	}
	if len(p.Unseen) != 1 || p.Unseen[0].Grant != "env LEARN_SET" {
		t.Errorf("unseen %v", p.Unseen)
	}
	if i := slices.IndexFunc(p.Grants, func(g manifest.Grant) bool { return g.Path == "/proc/meminfo" }); i < 0 || p.Grants[i].Why != "of the author" {
		t.Error("the author's reason is lost")
	}
}

// A wide run shows no secret and asks for nothing that a manifest may not.
func TestWideGrants(t *testing.T) {
	machine, err := target.This(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	grants := learn.Wide(machine, []manifest.Grant{{Kind: manifest.Read, Path: "/x/y", Why: "w"}, {Kind: manifest.Exec, Path: "/usr/bin/true", Why: "w"}})
	if len(grants) < 10 || !slices.ContainsFunc(grants, func(g manifest.Grant) bool { return g.Kind == manifest.Exec }) {
		t.Fatalf("%d grants", len(grants))
	}
	for _, g := range grants {
		if err := g.Validate(); err != nil {
			t.Error(err)
		}
		if g.Path == "/x/y" {
			t.Error("a read of the manifest is among them")
		}
		info, err := os.Stat(g.Path)
		if strings.HasPrefix(g.Path, "/etc/") && err == nil && info.Mode().Perm()&0o004 == 0 {
			t.Errorf("%s is not for everybody", g.Path)
		}
	}
	p := collect(t, probe(t), machine, grants)
	for _, want := range []string{"read /etc/os-release", "read /proc/meminfo"} {
		if len(p.Refused) > 0 && slices.Contains(refused(p), want) {
			t.Errorf("refused %q in spite of wide grants", want)
		}
	}
}
