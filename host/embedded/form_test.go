// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestForMachine(t *testing.T) {
	const loader = "/lib64/ld-linux-x86-64.so.2"
	whole := fstest.MapFS{
		"root.json": {Data: []byte("dynamic")}, "archives/same": {Data: []byte("same")},
		"static/root.json": {Data: []byte("static")}, "static/loader": {Data: []byte(loader + "\n")},
	}
	plain := fstest.MapFS{"root.json": {Data: []byte("dynamic")}, "archives/same": {Data: []byte("same")}}
	for _, c := range []struct {
		name   string
		tree   fs.FS
		loader bool
		want   string
	}{
		{"a machine with the loader", whole, true, "dynamic"},
		{"a machine without it", whole, false, "static"},
		{"a host without another form", plain, false, "dynamic"},
	} {
		got := forMachine(c.tree, func(name string) bool {
			if name != loader {
				t.Errorf("%s: %q is looked for", c.name, name)
			}
			return c.loader
		})
		for name, want := range map[string]string{"root.json": c.want, "archives/same": "same"} {
			if data, err := fs.ReadFile(got, name); err != nil || string(data) != want {
				t.Errorf("%s: %s is %q, %v", c.name, name, data, err)
			}
		}
		if _, err := fs.ReadFile(got, "nothing"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestExists(t *testing.T) {
	if !exists(t.TempDir()) || exists(t.TempDir()+"/nothing") {
		t.Error("files of this machine are not seen as they are")
	}
}
