// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/embedded"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// embed makes an embedded registry of plugins.
func embed(t *testing.T, names ...string) embedded.Registry {
	t.Helper()
	return embedded.From(os.DirFS(embedInto(t, names...)))
}

// embedInto makes the tree of one, by the tool that releases use.
func embedInto(t *testing.T, names ...string) string {
	t.Helper()
	out, args := filepath.Join(t.TempDir(), "registry"), []string{"run", "../../registry/cmd/embed"}
	args = append(args, out)
	for _, name := range names {
		dir := filepath.Join(t.TempDir(), name)
		program := "program " + name
		m := manifest.Manifest{
			Name: name, Version: "1.2.3", Summary: "s", Licence: "Apache-2.0", Protocols: []int{1}, Executable: "run-" + name,
			Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(program))), Grants: grants(t, "read /etc/os-release"),
		}
		m.Grants[0].Why = "w"
		text, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for file, data := range map[string][]byte{manifest.FileName: text, m.Executable: []byte(program), "pin": []byte("left by the build")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, dir)
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// A host brings its plugins along; the second start finds them.
func TestBuiltin(t *testing.T) {
	ctx, r := context.Background(), embed(t, "alpha", "beta")
	store := install.Open(dataDir(t))
	for range 2 {
		scope, err := Builtin(ctx, store, r, Installer{Host: "0.1.0", Protocols: []int{1}})
		if err != nil {
			t.Fatal(err)
		}
		list, err := Locks{Store: store, OfHost: scope}.Builtin()
		if err != nil || len(list) != 2 || list[0].ID != "bulkhead/alpha" {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := list[0].Verify(); err != nil {
			t.Error(err)
		}
		if _, generation, _ := scope.Current(); generation != 1 {
			t.Errorf("generation %d", generation)
		}
		data, err := os.ReadFile(filepath.Join(list[1].Dir, "run-beta"))
		if err != nil || string(data) != "program beta" {
			t.Errorf("%q, %v", data, err)
		}
	}
	// Another build of the host has plugins of its own, beside these.
	other, err := Builtin(ctx, store, embed(t, "alpha"), Installer{Host: "0.1.0", Protocols: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := (Locks{Store: store, OfHost: other}).Builtin(); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

// Several hosts that start for the first time at once all have their plugins.
func TestBuiltinOfManyHostsAtOnce(t *testing.T) {
	r, root := embed(t, "alpha", "beta"), dataDir(t)
	const hosts = 6
	errs := make(chan error, hosts)
	for range hosts {
		go func() {
			store := install.Open(root)
			scope, err := Builtin(t.Context(), store, r, Installer{Host: "0.1.0", Protocols: []int{1}})
			if err == nil {
				var list []catalog.Installation
				if list, err = (Locks{Store: store, OfHost: scope}).Builtin(); len(list) != 2 {
					err = fmt.Errorf("%d plugins, %w", len(list), err)
				}
			}
			errs <- err
		}()
	}
	for range hosts {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// What somebody removed from the store comes back.
func TestBuiltinIsRepaired(t *testing.T) {
	ctx, r, root := context.Background(), embed(t, "alpha"), dataDir(t)
	store := install.Open(root)
	scope, err := Builtin(ctx, store, r, Installer{Host: "0.1.0", Protocols: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := Locks{Store: store, OfHost: scope}.Builtin()
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := exec.Command("chmod", "-R", "u+w", list[0].Dir).Run(); err != nil {
		t.Skip("no chmod: ", err)
	}
	if err := os.RemoveAll(list[0].Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Builtin(ctx, store, r, Installer{Host: "0.1.0", Protocols: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(list[0].Dir); err != nil {
		t.Error(err)
	}
}

// A damaged executable of the host is told, not run.
func TestBuiltinThatIsDamaged(t *testing.T) {
	dir := embedInto(t, "alpha")
	for _, name := range []string{"root.json", "log.key", "made", "metadata/timestamp.json", "log/checkpoint"} {
		broken := t.TempDir()
		if err := os.CopyFS(broken, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(broken, filepath.FromSlash(name)), []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		store := install.Open(dataDir(t))
		if _, err := Builtin(context.Background(), store, embedded.From(os.DirFS(broken)), Installer{Host: "0.1.0", Protocols: []int{1}}); err == nil {
			t.Errorf("a broken %s was not seen", name)
		}
	}
}

// A plugin of the host whose files were changed is repaired from the host itself,
// without any network.
func TestOfHostRepairs(t *testing.T) {
	ctx, r := t.Context(), embed(t, "alpha")
	store, host := install.Open(dataDir(t)), Installer{Host: "0.1.0", Protocols: []int{1}}
	if _, err := Builtin(ctx, store, r, host); err != nil {
		t.Fatal(err)
	}
	i, err := OfHost(store, r, host)
	if err != nil {
		t.Fatal(err)
	}
	current, _, err := i.Scope.Current()
	if err != nil || len(current.Plugins) != 1 {
		t.Fatalf("%+v, %v", current, err)
	}
	p := current.Plugins[0]
	here, _ := i.Here(p)
	dir, err := i.Directory(p)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "run-alpha")
	if err := os.Chmod(name, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("another program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(ctx, here.H1); err == nil {
		t.Fatal("the change is not seen")
	}
	if err := i.Repair(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(ctx, here.H1); err != nil {
		t.Error(err)
	}
}
