// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFindSource(t *testing.T) {
	tree := writeTree(t, map[string]string{
		"etc/name": "x", "lib": "-> usr/lib", "usr/lib/a": "A", "abs": "-> /etc/name", "up": "-> ../../../../etc/name",
		"chain": "-> lib", "loop": "-> loop", "gone": "-> nowhere", "through/link": "-> ../usr",
	})
	for _, tt := range []struct {
		root, name, want string
		err              error
	}{
		{"", tree + "/etc/name", "/etc/name", nil},
		{"", tree + "/lib/a", "/usr/lib/a", nil},
		{"", tree + "/chain/a", "/usr/lib/a", nil},
		{"", tree + "/through/link/lib/a", "/usr/lib/a", nil},
		{"", tree + "/./etc/../etc/name", "/etc/name", nil},
		{"", tree + "/loop", "", syscall.ELOOP},
		{"", tree + "/gone", "", syscall.ENOENT},
		{"", tree + "/etc/name/x", "", syscall.ENOTDIR},
		{tree, "/abs", "/etc/name", nil},
		{tree, "/up", "/etc/name", nil},
		{tree, "/../../etc/name", "/etc/name", nil},
		{tree, "/lib", "/usr/lib", nil},
		{tree, "/", "", nil},
	} {
		got, err := findSource(tt.root, tt.name)
		if !errors.Is(err, tt.err) || err == nil && got.path != tree+tt.want {
			t.Errorf("%q in %q: %q, %v; want %q, %v", tt.name, tt.root, got.path, err, tree+tt.want, tt.err)
		}
	}
	found, err := findSource("", "/proc/self/status")
	if err != nil || found.path != "/proc/"+itoa(os.Getpid())+"/status" {
		t.Errorf("an ordinary link of /proc: %+v, %v", found, err)
	}
	for _, magic := range []string{"/proc/self/root", "/proc/self/root/etc", "/proc/self/cwd", "/proc/self/exe", "/proc/self/fd/0"} {
		if found, err := findSource("", magic); err == nil {
			t.Errorf("the magic link %s leads to %q", magic, found.path)
		}
	}
}

// A link that somebody else made could be pointed elsewhere at any time.
func TestForeignLinks(t *testing.T) {
	asRoot(t)
	tree := writeTree(t, map[string]string{"theirs": "-> /etc/shadow", "dir/theirs": "-> ."})
	for _, name := range []string{"theirs", "dir/theirs"} {
		if err := os.Lchown(filepath.Join(tree, name), 65533, 65533); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"theirs", "dir/theirs/theirs"} {
		_, err := findSource("", filepath.Join(tree, name))
		if !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "user 65533") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := findSource(tree, "/dir/theirs"); err != nil {
		t.Errorf("inside of an image all links stay in it: %v", err)
	}
}

func FuzzFindSource(f *testing.F) {
	tree := f.TempDir()
	if err := os.Symlink("/", filepath.Join(tree, "root")); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"/root", "/root/../etc", "..", "/./root//x", "/root/root/root"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		found, err := findSource(tree, name)
		if err == nil && !below(found.path, tree) {
			t.Fatalf("%q leads out of the image to %q", name, found.path)
		}
	})
}

func TestMapCovers(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": true, "0 1000 1\n": false, "0 100000 65536\n": true, "0 1000 1\n1 100000 65535\n": true,
		"": false, "x\n": false, "61184 5 4336": true, "61184 5 4335": false,
	} {
		if mapCovers(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
