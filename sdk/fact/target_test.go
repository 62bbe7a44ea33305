// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// tree makes a target whose files are given by path; "-> x" makes a link to x.
func tree(t *testing.T, files map[string]string) *Target {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(content) > 3 && content[:3] == "-> " {
			err = os.Symlink(content[3:], file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &Target{Root: root}
}

func TestTargetLinksStayInside(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	target := tree(t, map[string]string{
		"usr/lib/libcuda.so.535":   "real",
		"usr/lib/libcuda.so.1":     "-> libcuda.so.535",
		"lib":                      "-> usr/lib",
		"opt/cuda":                 "-> /usr/lib",
		"etc/passwd":               "inside",
		"opt/escape":               "-> ../../../../../../etc/passwd",
		"opt/loop":                 "-> /opt/loop",
		"opt/loop2":                "-> loop3",
		"opt/loop3":                "-> loop2",
		"sys/devices/gpu/driver":   "-> ../../drivers/nouveau",
		"sys/drivers/nouveau/bind": "",
	})
	for name, want := range map[string]string{
		"/lib/libcuda.so.1":         "/usr/lib/libcuda.so.535",
		"/opt/cuda/libcuda.so.1":    "/usr/lib/libcuda.so.535",
		"/opt/escape":               "/etc/passwd",
		"/sys/devices/gpu/driver":   "/sys/drivers/nouveau",
		"/../../etc/passwd":         "/etc/passwd",
		"/opt/cuda/../cuda":         "/usr/lib",
		"/lib/../usr//lib/./x/../.": "/usr/lib",
	} {
		if got, err := target.Resolve(name); err != nil || got != want {
			t.Errorf("Resolve(%s) = %s, %v; want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"/opt/loop", "/opt/loop2"} {
		if _, err := target.Resolve(name); err == nil {
			t.Errorf("Resolve(%s) ended without an error", name)
		}
	}
	if got := target.ReadText("/opt/escape"); got != "inside" {
		t.Errorf("a link out of the target reads %q", got)
	}
}

func TestTargetErrorsNameTheMachinesPath(t *testing.T) {
	target := tree(t, map[string]string{"etc/hosts": ""})
	_, err := target.ReadFile("/etc/none")
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != "/etc/none" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v does not name /etc/none", err)
	}
}

func TestTargetRefusesLargeFiles(t *testing.T) {
	target := tree(t, map[string]string{"big": ""})
	if err := os.Truncate(filepath.Join(target.Root, "big"), MaxFileBytes+1); err != nil {
		t.Fatal(err)
	}
	if _, err := target.ReadFile("/big"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

func TestGlob(t *testing.T) {
	target := tree(t, map[string]string{"usr/local/cuda-12.4/version.json": "", "usr/local/cuda-11.8/version.json": "", "usr/local/bin/x": ""})
	want := []string{"/usr/local/cuda-11.8/version.json", "/usr/local/cuda-12.4/version.json"}
	if got := target.Glob("/usr/local/cuda-*/version.json"); !slices.Equal(got, want) {
		t.Errorf("Glob = %v, want %v", got, want)
	}
	if got := target.Glob("/usr/[local"); len(got) != 0 {
		t.Errorf("a broken pattern matches %v", got)
	}
}

func TestStatfsOfARecordedMachine(t *testing.T) {
	target := tree(t, map[string]string{"dev/shm/x": ""})
	if _, ok := target.Statfs("/dev/shm"); ok {
		t.Error("a machine that is not live answered for this one")
	}
	target.Filesystems = map[string]Usage{"/dev/shm": {Total: 64, Free: 3}}
	if u, ok := target.Statfs("/dev/shm/"); !ok || u.Free != 3 {
		t.Errorf("Statfs = %v, %v", u, ok)
	}
	live := tree(t, map[string]string{"x": ""})
	live.Live = true
	if u, ok := live.Statfs("/"); !ok || u.Total == 0 {
		t.Errorf("a live Statfs = %v, %v", u, ok)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("/lib/../x", "../../..", "usr")
	f.Fuzz(func(t *testing.T, name, link, dir string) {
		if runtime.GOOS == "windows" {
			t.Skip("symbolic links need a privilege on Windows")
		}
		root := t.TempDir()
		inside := filepath.Join(root, "inside")
		if err := os.Mkdir(inside, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "secret"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if os.Symlink(link, filepath.Join(inside, "link")) != nil || os.Mkdir(filepath.Join(inside, filepath.Base(dir)), 0o755) != nil {
			t.Skip()
		}
		target := &Target{Root: inside}
		if got, err := target.Resolve("/link/" + name); err == nil && target.Exists("/secret") {
			t.Fatalf("%s leads out to %s", name, got)
		}
	})
}
