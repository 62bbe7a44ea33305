// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// liveMachine is this machine with a home and a project of the test.
func liveMachine(t *testing.T) *Machine {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("paths of this test are those of Unix")
	}
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Home: base + "/home", ProjectDir: base + "/project", Env: map[string]string{}, OS: runtime.GOOS}
	for _, dir := range []string{m.Home, m.ProjectDir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		t.Skip(err)
	}
}

// binds writes a view as "access source" or "access source>target".
func binds(v View) []string {
	words := map[sandbox.Access]string{sandbox.Read: "read", sandbox.Write: "write", sandbox.Exec: "exec", sandbox.Device: "device"}
	out := []string{}
	for _, b := range v.Binds {
		text := words[b.Access] + " " + b.Source
		if b.Target != "" {
			text += ">" + b.Target
		}
		out = append(out, text)
	}
	return out
}

func TestExpandWrite(t *testing.T) {
	m := liveMachine(t)
	writeFile(t, m.ProjectDir, "out/today/", "")
	writeFile(t, m.Home, ".ssh/id", "")
	link(t, m.Home+"/.ssh", m.ProjectDir+"/keys")
	link(t, m.ProjectDir+"/out", m.Home+"/results")
	m.Protected = []string{m.ProjectDir + "/plugins"}
	writeFile(t, m.ProjectDir, "plugins/evil/", "")
	m.Env = map[string]string{"KEYS": m.Home + "/.ssh", "UP": m.Home, "PLUGINS": m.ProjectDir + "/plugins/evil"}
	v := m.Expand([]manifest.Grant{
		{Kind: manifest.Write, Path: "./out"}, {Kind: manifest.Read, Path: "./out/today"}, {Kind: manifest.Read, Path: "."},
		{Kind: manifest.Write, Path: "~/results"}, {Kind: manifest.Write, Path: "./keys"}, {Kind: manifest.Write, Path: "$KEYS"},
		{Kind: manifest.Write, Path: "$UP"}, {Kind: manifest.Write, Path: "$PLUGINS"}, {Kind: manifest.Write, Path: "./plugins"}, {Kind: manifest.Write, Path: "./absent"},
	})
	want := []string{
		"write " + m.ProjectDir + "/out>" + sandbox.TargetDir + m.Home + "/results",
		"read " + m.ProjectDir, "write " + m.ProjectDir + "/out",
	}
	if got := binds(v); !slices.Equal(got, want) {
		t.Errorf("binds %q, want %q", got, want)
	}
	for i, reason := range map[int]string{4: "could change what the host", 5: "could change what the host", 7: "which the host itself", 8: "which the host itself"} {
		if g := v.Given[i]; len(g.Withheld) != 1 || !strings.Contains(g.Withheld[0].Reason, reason) || g.Absent() {
			t.Errorf("%s: %+v", g.Grant, g)
		}
	}
	if !v.Given[9].Absent() || v.Given[0].Absent() {
		t.Errorf("absent: %+v", v.Given)
	}
	if got, ok := v.GrantOf(m.ProjectDir + "/out/today/x"); !ok || got.String() != "write ./out" {
		t.Errorf("%s, %v", got, ok)
	}
	if got, ok := v.GrantOf(m.ProjectDir + "/outer"); !ok || got.String() != "read ." {
		t.Errorf("%s, %v", got, ok)
	}
	if got, ok := v.GrantOf(m.Home + "/.ssh"); ok {
		t.Errorf("%s", got)
	}
	if len(v.From) != len(v.Binds) {
		t.Errorf("%d origins of %d binds", len(v.From), len(v.Binds))
	}
}

func TestExpandWriteToHome(t *testing.T) {
	m := liveMachine(t)
	m.Env["UP"] = m.Home
	if v := m.Expand([]manifest.Grant{{Kind: manifest.Write, Path: "$UP"}, {Kind: manifest.Read, Path: "$UP/*"}}); len(v.Binds) > 0 {
		t.Errorf("%v", binds(v))
	}
}

func TestExpandExec(t *testing.T) {
	m := liveMachine(t)
	m.Pythons = []string{"/usr"}
	exec := func(p string) manifest.Grant { return manifest.Grant{Kind: manifest.Exec, Path: p} }
	v := m.Expand([]manifest.Grant{exec("/bin/sh"), {Kind: manifest.Read, Path: "/bin/sh"}, exec("/tmp"), exec("/dev/null"), exec("/absent/program")})
	if got, want := binds(v), []string{"read /bin/sh", "exec /bin/sh"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if w := v.Given[2].Withheld; len(w) != 1 || !strings.Contains(w[0].Reason, "of its own") {
		t.Errorf("%+v", w)
	}
}

func TestExpandNamesOnly(t *testing.T) {
	v := (&Machine{Env: map[string]string{"A": "1"}}).Expand([]manifest.Grant{
		{Kind: manifest.Net, Address: "a.co:443"}, {Kind: manifest.Secret, Name: "token"}, {Kind: manifest.Net, Address: "a.co:443"},
		{Kind: manifest.Env, Name: "A*"}, {Kind: manifest.Env, Name: "B"},
	})
	if !slices.Equal(v.Net, []string{"a.co:443"}) || !slices.Equal(v.Secrets, []string{"token"}) || len(v.Binds) > 0 {
		t.Errorf("%+v", v)
	}
	if v.Given[0].Absent() || v.Given[1].Absent() || !slices.Equal(v.Given[3].Names, []string{"A"}) || !v.Given[4].Absent() {
		t.Errorf("%+v", v.Given)
	}
}

// Nothing of another machine is written or started.
func TestForeignRootsAreOnlyRead(t *testing.T) {
	m := machineWith(t, "/root/out/", "/usr/bin/ld")
	v := m.Expand([]manifest.Grant{{Kind: manifest.Write, Path: "~/out"}, {Kind: manifest.Exec, Path: "/usr/bin/ld"}})
	if len(v.Binds) > 0 || len(v.Given[0].Withheld) != 1 || len(v.Given[1].Withheld) != 1 {
		t.Errorf("%q, %+v", binds(v), v.Given)
	}
}

// Links in a foreign root lead where they would lead on that machine: never to
// files of this one.
func TestLinksStayInTheRoot(t *testing.T) {
	outside := t.TempDir()
	writeFile(t, outside, "secret/pyvenv.cfg", "home = /stolen/bin\n")
	m := machineWith(t, "/usr/lib/x/libc.so.6", "/opt/real/a.txt")
	link(t, "usr/lib", m.Root+"/lib")                // as merged systems have it
	link(t, "/opt/real", m.Root+"/opt/absolute")     // leads into the root
	link(t, outside, m.Root+"/opt/out")              // would lead out of it
	link(t, "../../../../../../../..", m.Root+"/up") // the root's own top
	link(t, "loop", m.Root+"/loop")
	link(t, "../../.."+outside, m.Root+"/opt/dots")
	for pattern, want := range map[string][]string{
		"/lib/*/libc.so.6":        {"/lib/x/libc.so.6"},
		"/opt/absolute/*.txt":     {"/opt/absolute/a.txt"},
		"/opt/absolute/a.txt":     {"/opt/absolute/a.txt"},
		"/opt/out/secret":         {},
		"/opt/out/*":              {},
		"/opt/dots/secret":        {},
		"/opt/*/secret":           {},
		"/up" + outside:           {},
		"/up/opt/real/*":          {"/up/opt/real/a.txt"},
		"/loop/x":                 {},
		"/loop/*":                 {},
		"/opt/real/a.txt/nothing": {},
	} {
		if got := granted(m, pattern); !slices.Equal(got, want) {
			t.Errorf("%s grants %q, want %q", pattern, got, want)
		}
	}
	m.Pythons = []string{"/opt/out/secret"}
	if got := granted(m, "${python}"); slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, "stolen") }) {
		t.Errorf("a file of this machine was read: %q", got)
	}
}

func TestGlobsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("makes many files")
	}
	m := machineWith(t, "/many/x")
	for i := range maxMatches + 5 {
		name := filepath.Join(m.Root, "many", fmt.Sprintf("f%05d", i))
		if err := os.Link(filepath.Join(m.Root, "many", "x"), name); err != nil {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	v := m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: "/many/*"}})
	again := m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: "/many/*"}})
	if len(v.Binds) != maxMatches || v.Given[0].Cut == "" || !slices.Equal(binds(v), binds(again)) {
		t.Errorf("%d binds, cut %q", len(v.Binds), v.Given[0].Cut)
	}
	if v.Binds[0].Source != "/many/f00000" || v.Binds[maxMatches-1].Source != fmt.Sprintf("/many/f%05d", maxMatches-1) {
		t.Errorf("from %s to %s", v.Binds[0].Source, v.Binds[maxMatches-1].Source)
	}
	files, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	if _, err := files.list("/many", 10); err == nil || !strings.Contains(err.Error(), "more than 10") {
		t.Errorf("%v", err)
	}
}

// A bound that is met leaves nothing for later patterns.
func TestBoundsAreForAGrant(t *testing.T) {
	m := machineWith(t, "/data/a/x", "/data/b/x")
	files, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	s := &search{tree: files, found: maxMatches + 1}
	if got := s.glob("/data/*/x"); len(got) > 0 || s.cut == "" {
		t.Errorf("%q, %q", got, s.cut)
	}
	m.Env = map[string]string{"MANY": strings.Repeat("/data/a:", maxPlaces) + "/data/b"}
	v := m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: "$MANY/x"}})
	if len(v.Binds) != 1 || !strings.Contains(v.Given[0].Cut, "more than 1000") {
		t.Errorf("%+v", v)
	}
}

// The interpreter of the system is given without the system.
func TestSystemPython(t *testing.T) {
	m := machineWith(t, "/usr/bin/python3.11", "/usr/bin/passwd", "/usr/lib/python3.11/os.py", "/env/lib/x")
	writeFile(t, m.Root, "/env/pyvenv.cfg", "home = /usr/bin\n")
	link(t, "/usr/bin/python3", m.Root+"/env/bin/python3")
	link(t, "python3.11", m.Root+"/usr/bin/python3")
	m.Pythons = []string{"/env"}
	want := []string{"/env", "/usr/bin/python3", "/usr/bin/python3.11", "/usr/lib/python3.11"}
	if got := granted(m, "${python}"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	link(t, "python3", m.Root+"/loop/bin/python3")
	writeFile(t, m.Root, "/loop/pyvenv.cfg", "home = /usr/bin\n")
	m.Pythons = []string{"/loop"}
	if got := granted(m, "${python}"); !slices.Equal(got, []string{"/loop"}) {
		t.Errorf("%q", got)
	}
	// An environment from anybody names directories that are no interpreter's.
	writeFile(t, m.Root, "/root/.ssh/bin/id", "")
	writeFile(t, m.Root, "/evil/pyvenv.cfg", "home = /root/.ssh/bin\n")
	writeFile(t, m.Root, "/worse/pyvenv.cfg", "home = /usr/bin\n")
	link(t, "/root/.ssh", m.Root+"/worse/bin/python3")
	writeFile(t, m.Root, "/srv/clients/acme/python/x", "") // a part of a project
	writeFile(t, m.Root, "/vendor/pyvenv.cfg", "home = /srv/clients/acme\n")
	writeFile(t, m.Root, "/srv/tools/bin/python3", "") // somebody's script
	writeFile(t, m.Root, "/script/pyvenv.cfg", "home = /srv/tools/bin\n")
	m.Pythons = []string{"/evil", "/worse", "/vendor", "/script"}
	if got := granted(m, "${python}"); !slices.Equal(got, []string{"/evil", "/script", "/vendor", "/worse"}) {
		t.Errorf("%q", got)
	}
}

// TestPythonAmongPrograms: an interpreter in a directory of programs only, such as
// a profile of Nix, is given with the links that lead to it, so that its
// environment is not taken for one whose interpreter is gone.
func TestPythonAmongPrograms(t *testing.T) {
	m := machineWith(t, "/env/lib/x", "/store/w-python/bin/python", "/run/sw/bin/git")
	writeFile(t, m.Root, "/env/pyvenv.cfg", "home = /run/sw/bin\n")
	link(t, "/run/sw/bin/python", m.Root+"/env/bin/python3")
	link(t, "/store/w-python/bin/python", m.Root+"/run/sw/bin/python")
	m.Pythons = []string{"/env"}
	want := []string{"/env", "/run/sw/bin/python", "/store/w-python/bin/python"}
	if got := granted(m, "${python}"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A directory whose name looks like a glob stands for itself.
func TestPlacesAreNoPatterns(t *testing.T) {
	m := machineWith(t, "/data/[x]*/a.py", "/data/xx/a.py", "/data/x/a.py")
	m.ProjectDir = "/data/[x]*"
	m.Env = map[string]string{"PLACE": "/data/*"}
	if got, want := granted(m, "./*.py", "./a.py"), []string{"/data/[x]*/a.py"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := granted(m, "$PLACE/a.py"); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// A pipe among the directories that a glob looks at must not hold anybody up.
func TestGlobsDoNotOpenPipes(t *testing.T) {
	m := machineWith(t, "/run/a/x")
	if err := makePipe(filepath.Join(m.Root, "run", "pipe")); err != nil {
		t.Skip(err)
	}
	if got := granted(m, "/run/*/*"); !slices.Equal(got, []string{"/run/a/x"}) {
		t.Errorf("%q", got)
	}
}

func TestDiskIsNoDevice(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("device names of Linux")
	}
	disks, _ := filepath.Glob("/dev/loop[0-9]*")
	v := (&Machine{}).Expand([]manifest.Grant{{Kind: manifest.Device, Path: "/dev/loop[0-9]*"}, {Kind: manifest.Device, Path: "/dev/zero"}})
	for _, b := range v.Binds {
		if b.Access == sandbox.Device && b.Source != "/dev/zero" {
			t.Errorf("%s is given for use", b.Source)
		}
	}
	if len(disks) > 0 && len(v.Given[0].Withheld) == 0 {
		t.Errorf("%+v", v.Given[0])
	}
}

// Whatever a variable says, it leads to nothing outside of the root, to no whole
// system and to no whole home.
func FuzzPlaces(f *testing.F) {
	outside := f.TempDir()
	root := f.TempDir()
	for _, dir := range []string{"home/ada/.cache", "etc", "usr/lib", "data/[x]"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "out")); err != nil {
		f.Skip(err)
	}
	for _, value := range []string{"/", "/home/ada", "/home/*", "/out", "/data/[x]:/etc", "../..", "/usr/lib/../../home", "\\", "/out/../home/ada"} {
		f.Add(value, "$X/*", true)
		f.Add(value, "$X", false)
	}
	f.Fuzz(func(t *testing.T, value, grant string, python bool) {
		m := &Machine{Root: root, Home: "/home/ada", Env: map[string]string{"X": value}, OS: "linux"}
		if python {
			grant, m.Pythons = manifest.Python, []string{value}
		}
		if (manifest.Grant{Kind: manifest.Read, Path: grant, Why: "w"}).Validate() != nil || strings.HasPrefix(grant, "/") {
			return
		}
		for _, b := range m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: grant}}).Binds {
			if m.whole(b.Source) || strings.HasPrefix(b.Source, outside) || filepath.Clean(b.Source) != b.Source {
				t.Fatalf("%q with %q leads to %q", grant, value, b.Source)
			}
		}
	})
}

// A link in a project from anybody, and a variable, lead no further than a
// manifest could ask for.
func TestLinksDoNotWiden(t *testing.T) {
	m := liveMachine(t)
	m.ProcessDir = fmt.Sprintf("/proc/%d", os.Getpid())
	for name, to := range map[string]string{
		"all": "/", "etc": "/etc", "home": m.Home, "above": filepath.Dir(m.Home), "up": "../..", "others": "/home", "init": "/proc/1", "self": "/proc/self/environ",
	} {
		link(t, to, m.ProjectDir+"/"+name)
	}
	writeFile(t, m.Home, "data/x", "")
	link(t, m.Home+"/data", m.ProjectDir+"/good")
	m.Env = map[string]string{"PROC": "/proc", "HOMES": m.Home}
	for _, kind := range []string{manifest.Read, manifest.Exec, manifest.Write} {
		for _, p := range []string{"./all", "./etc", "./home", "./above", "./others", "./init", "./self", m.ProjectDir + "/all", "/[Z-f]tc", "/[Z-p]roc/1/status", "$PROC/1", "$PROC/1/status", "$HOMES/[^x]*"} {
			if v := m.Expand([]manifest.Grant{{Kind: kind, Path: p}}); len(v.Binds) > 0 {
				t.Errorf("%s %s gives %q", kind, p, binds(v))
			}
		}
	}
	for _, p := range []string{"./good", "${process}/status", "/proc/mounts"} {
		if v := m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: p}}); runtime.GOOS == "linux" && len(v.Binds) != 1 {
			t.Errorf("%s: %+v", p, v.Given)
		}
	}
	if v := m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: "./all"}}); len(v.Given[0].Withheld) != 1 || !strings.Contains(v.Given[0].Withheld[0].Reason, "whole system") {
		t.Errorf("%+v", v.Given)
	}
}

// A plugin that may write to a directory leads no other grant of its own
// elsewhere by a link there.
func TestLinksOfThePluginItself(t *testing.T) {
	m := liveMachine(t)
	// A sandbox has a /tmp of its own, where nothing is started.
	base, err := os.MkdirTemp("/var/tmp", "links")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	m.ProjectDir = base
	writeFile(t, m.ProjectDir, "out/tool", "")
	writeFile(t, m.Home, ".ssh/id", "")
	link(t, m.Home+"/.ssh", m.ProjectDir+"/out/keys")
	link(t, m.ProjectDir+"/out", m.ProjectDir+"/alias")
	v := m.Expand([]manifest.Grant{
		{Kind: manifest.Write, Path: "./out"}, {Kind: manifest.Read, Path: "./out/keys"}, {Kind: manifest.Write, Path: "./out/tool"},
		{Kind: manifest.Exec, Path: m.ProjectDir + "/out/keys"}, {Kind: manifest.Exec, Path: m.ProjectDir + "/out/tool"},
		{Kind: manifest.Read, Path: "./alias/keys"}, {Kind: manifest.Read, Path: "./alias"},
	})
	want := []string{"read " + m.ProjectDir + "/alias", "write " + m.ProjectDir + "/out"}
	if got := binds(v); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, i := range []int{3, 4, 5} {
		if g := v.Given[i]; len(g.Paths) > 0 || len(g.Withheld) != 1 || !strings.Contains(g.Withheld[0].Reason, "could make it lead elsewhere") {
			t.Errorf("%+v", g)
		}
	}
}

// Many grants do not together give more than a sandbox can take.
func TestBoundsOnAllGrants(t *testing.T) {
	m := machineWith(t, "/data/a/x", "/data/b/x")
	files, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	for _, x := range []expansion{{Machine: m, matched: maxAllMatches}, {Machine: m, listed: maxAllListed}, {Machine: m, matched: maxAllMatches - 1, listed: maxAllListed - 9}} {
		x.tree, x.view.Given = files, make([]Given, 2)
		matched, listed := x.matched, x.listed
		x.grant(0, manifest.Grant{Kind: manifest.Read, Path: "/data/*/x"}, nil)
		if x.view.Given[0].Cut == "" || len(x.found) > 1 || x.matched > max(matched, maxAllMatches) || x.listed < listed {
			t.Errorf("%d, %d: %+v", matched, listed, x.view.Given)
		}
	}
	if v := m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: "/data/*/x"}, {Kind: manifest.Read, Path: "/data/*"}}); v.Given[0].Cut+v.Given[1].Cut != "" || len(v.Binds) != 2 {
		t.Errorf("%+v", v.Given)
	}
}
