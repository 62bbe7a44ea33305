// SPDX-License-Identifier: Apache-2.0

package target

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecordedMachine(t *testing.T) {
	root := t.TempDir()
	writeFile(t, root, MachineFile, `{
		"env": {"CUDA_VISIBLE_DEVICES": "0"}, "home": "/home/ada", "project_dir": "/home/ada/train", "os": "linux", "arch": "arm64",
		"pythons": ["/recorded"], "filesystems": {"/": {"total_bytes": 1000, "free_bytes": 10}}}`)
	m, err := At(root, "", []string{"/named"})
	if err != nil {
		t.Fatal(err)
	}
	if m.Live() || m.Env["CUDA_VISIBLE_DEVICES"] != "0" || m.Home != "/home/ada" || m.ProjectDir != "/home/ada/train" || m.Arch != "arm64" {
		t.Errorf("%+v", m)
	}
	if m.Filesystems["/"].Free != 10 || strings.Join(m.Pythons, " ") != "/named /recorded" {
		t.Errorf("%+v", m)
	}
	if m, err = At(root, "other/dir/..", nil); err != nil || m.ProjectDir != "/other" {
		t.Errorf("the project on the command line: %v, %v", m, err)
	}
}

func TestMachineWithoutRecording(t *testing.T) {
	m, err := At(t.TempDir(), "", nil)
	if err != nil || len(m.Env) != 0 || m.Home != "/root" || m.OS != "linux" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWrongRecordings(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"no JSON":         {"hello", "not a recorded machine"},
		"an unknown key":  {`{"colour": "blue"}`, `unknown field "colour"`},
		"a wrong type":    {`{"env": ["A=1"]}`, "env"},
		"a negative size": {`{"filesystems": {"/": {"total_bytes": -1}}}`, "total_bytes"},
		"half a document": {`{"env": {"A": "1"`, "unexpected EOF"},
		"nothing":         {"", "EOF"},
		"too much":        {`{"home": "` + strings.Repeat("x", maxMachineBytes) + `"}`, "larger than"},
		"two documents":   {`{"home": "/a"} {"home": "/b"}`, "after the JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			writeFile(t, root, MachineFile, tt.text)
			_, err := At(root, "", nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), MachineFile) {
				t.Errorf("got %.200v, want %q", err, tt.want)
			}
		})
	}
}

// A link in a foreign root could lead to a file of this machine.
func TestLinkedRecordingIsRefused(t *testing.T) {
	root, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	writeFile(t, filepath.Dir(secret), "secret", `{"home": "/stolen"}`)
	if err := os.Symlink(secret, filepath.Join(root, MachineFile)); err != nil {
		t.Skip(err)
	}
	if _, err := At(root, "", nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
	m := machineWith(t, "/env/bin/python3")
	if err := os.Symlink(secret, filepath.Join(m.Root, "env/pyvenv.cfg")); err != nil {
		t.Fatal(err)
	}
	files, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	if home := venvHome(files, "/env"); home != "" {
		t.Errorf("read %q through a link", home)
	}
}

func TestRootsThatAreNone(t *testing.T) {
	root := t.TempDir()
	writeFile(t, root, "file", "")
	for name, want := range map[string]string{"absent": "cannot be read", "file": "is not a directory"} {
		if _, err := At(filepath.Join(root, name), "", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseRecording(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"env": {"A": "1"}, "home": "/h", "filesystems": {"/": {"total_bytes": 1}}}`, `{"env": null}`, `[]`, "{", `{"os": 1}`, `{} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := parseRecording(data)
		if (rec == nil) != (err != nil) {
			t.Fatalf("%v, %v", rec, err)
		}
		if err != nil {
			return
		}
		m := &Machine{Env: map[string]string{}, OS: "linux", Arch: "amd64"}
		m.apply(rec)
		if m.Env == nil || m.OS == "" || m.Arch == "" {
			t.Errorf("%+v", m)
		}
		_ = m.places(&tree{}, "$PATH/x")
		_ = m.Message("/target", View{Env: m.Env})
	})
}
