// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// TestLoadable: of two names of one file the one is taken that a sandbox lets code
// come from, also behind a link whose middle is out of sight. The two trees stand
// for the machine's root and for what a sandbox shows of it.
func TestLoadable(t *testing.T) {
	place := t.TempDir()
	root := filepath.Join(place, "target")
	lib := filepath.Join(place, "lib")
	for _, dir := range []string{filepath.Join(lib, "nvidia", "current"), filepath.Join(root, lib)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own := func(names ...string) string { return filepath.Join(append([]string{lib}, names...)...) }
	write(t, own("plain.so"))
	write(t, own("nvidia", "current", "alternative.so"))
	write(t, own("other.so"))
	write(t, filepath.Join(root, lib, "other.so"))
	write(t, filepath.Join(root, lib, "hidden.so"))
	for name, real := range map[string]string{"plain.so": own("plain.so"), "alternative.so": own("nvidia", "current", "alternative.so")} {
		if err := os.Link(real, filepath.Join(root, lib, name)); err != nil {
			t.Skip(err)
		}
	}
	m := &machine{Target: &fact.Target{Root: root}}
	for name, want := range map[string]string{
		"plain.so":       own("plain.so"),
		"alternative.so": own("nvidia", "current", "alternative.so"),
		"other.so":       filepath.Join(root, lib, "other.so"), // not the machine's
		"hidden.so":      filepath.Join(root, lib, "hidden.so"),
		"nothing.so":     filepath.Join(root, lib, "nothing.so"),
	} {
		if got := m.loadable(filepath.ToSlash(own(name))); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func write(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWhyNVMLWasNotAsked: a library that is there is not said to be missing, and a
// plugin without NVML says so by how it was built, and not by a call that it never
// made.
func TestWhyNVMLWasNotAsked(t *testing.T) {
	built := fact.Call("debug.ReadBuildInfo", "CGO_ENABLED=0")
	for _, c := range []struct {
		answer nvml.Reading
		want   string
		call   string
	}{
		{nvml.Reading{Status: facts.NVMLNoLibrary}, facts.NVMLNotLoaded, "nvmlInit"},
		{nvml.Reading{Status: facts.NVMLNotBuilt, Evidence: []fact.Evidence{built}}, facts.NVMLNotBuilt, "debug.ReadBuildInfo"},
	} {
		target := rtx4090().Target(t, nil)
		target.Live = true
		set := observe(t, target, func(string) nvml.Reading { return c.answer })
		f, ok := set.Lookup(facts.NVMLStatus)
		if !ok || set.String(facts.NVMLStatus) != c.want || len(f.Evidence) != 1 || f.Evidence[0].Call != c.call {
			t.Errorf("%q: %+v, want %q by %s", c.answer.Status, f, c.want, c.call)
		}
	}
}
