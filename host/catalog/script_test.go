// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// A script without an interpreter is refused before the system says that it is no
// program, with the file and what its manifest has to say.
func TestScriptNeedsManifest(t *testing.T) {
	made := func(executable string, r *manifest.Runtime) string {
		m := manifest.Manifest{Name: "hub", Version: "0.1.0", Summary: "A hub.", Licence: "MIT", Executable: executable, Runtime: r}
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for what, c := range map[string]struct{ name, text, manifest, want string }{
		"alone":             {"hub.py", "print()", "", "there is no manifest.json beside it"},
		"by its first line": {"hub", "#!/usr/bin/env python3\nprint()", "", "there is no manifest.json beside it"},
		"of another":        {"hub.py", "print()", made("other.py", &manifest.Runtime{Python: ">=3.10"}), `the manifest.json beside it is for "other.py"`},
		"without a runtime": {"hub.py", "print()", made("hub.py", nil), `has no "runtime"`},
		"whole":             {"hub.py", "print()", made("hub.py", &manifest.Runtime{Python: ">=3.10"}), ""},
		"a program":         {"hub", "\x7fELF", "", ""},
		"an empty file":     {"hub", "", "", ""},
	} {
		t.Run(what, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), c.name)
			write(t, name, c.text)
			if c.manifest != "" {
				write(t, filepath.Join(filepath.Dir(name), manifest.FileName), c.manifest)
			}
			_, byPath := (&Catalog{entries: map[string]*Entry{}}).AddPath(name)
			declared := &config.Plugin{Name: "hub"}
			declared.Executable.Absolute = name
			_, byConfig := Open(nil, &config.Config{Plugins: []*config.Plugin{declared}}, nil)
			for _, err := range []error{byPath, byConfig} {
				script, ok := errors.AsType[*ScriptError](err)
				switch {
				case c.want == "" && err != nil, c.want != "" && !ok:
					t.Fatalf("%v", err)
				case ok && (!strings.Contains(err.Error(), c.want) || script.Path != name || !strings.Contains(err.Error(), `"runtime": {"python": ">=3.10"}`)):
					t.Errorf("%v", err)
				}
			}
		})
	}
}
