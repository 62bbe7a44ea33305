// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func (c *Cache) file(key string) string { return filepath.Join(c.dir, key+extension) }

func TestDamagedEntryIsNone(t *testing.T) {
	for name, damage := range map[string]func(data []byte) []byte{
		"empty":      func([]byte) []byte { return nil },
		"cut":        func(data []byte) []byte { return data[:len(data)-1] },
		"one bit":    func(data []byte) []byte { data[len(data)/2] ^= 1; return data },
		"longer":     func(data []byte) []byte { return append(data, 0) },
		"all zeroes": func(data []byte) []byte { return make([]byte, len(data)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := cacheIn(t)
			if err := c.write("facts-1", []byte("hello")); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(c.file("facts-1"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(c.file("facts-1"), damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, ok := c.read("facts-1"); ok {
				t.Errorf("read %q", got)
			}
		})
	}
}

// anotherUser is the case that takes a superuser.
const anotherUser = "of another user"

func TestForeignEntryIsNone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the profile's access list keeps others out")
	}
	c := cacheIn(t)
	for name, change := range map[string]func(file string) error{
		"others may write": func(file string) error { return os.Chmod(file, 0o622) },
		"a link": func(file string) error {
			if err := os.Rename(file, file+".real"); err != nil {
				return err
			}
			return os.Symlink(file+".real", file)
		},
		anotherUser:     func(file string) error { return os.Chown(file, 12345, 12345) },
		"a second name": func(file string) error { return os.Link(file, file+".link") },
		"another entry": func(file string) error {
			if err := c.write("facts-2", []byte("hello")); err != nil {
				return err
			}
			return os.Rename(c.file("facts-2"), file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == anotherUser && os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			for _, name := range []string{c.file("facts-1"), c.file("facts-1") + ".link"} {
				_ = os.Remove(name)
			}
			if err := c.write("facts-1", []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := change(c.file("facts-1")); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.read("facts-1"); ok {
				t.Error("somebody else decides what the doctor says")
			}
		})
	}
}

// TestForeignDirectory: in a directory of others an entry of one's own may have
// got another name, or be one that was replaced long ago.
func TestForeignDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the profile's access list keeps others out")
	}
	for name, change := range map[string]func(dir string) error{
		"others may write": func(dir string) error { return os.Chmod(dir, 0o777) },
		"the group may":    func(dir string) error { return os.Chmod(dir, 0o770) },
		"sticky":           func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) },
		anotherUser:        func(dir string) error { return os.Chown(dir, 12345, 12345) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == anotherUser && os.Geteuid() != 0 {
				t.Skip("only root can give directories away")
			}
			c := cacheIn(t)
			if err := c.write("facts-1", []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := change(c.dir); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.read("facts-1"); ok {
				t.Error("somebody else decides what the doctor says")
			}
			if c.write("facts-2", nil) == nil {
				t.Error("an entry is written where others may change it")
			}
		})
	}
}

// TestDirectoryThroughALink: a cache may lie on another disk.
func TestDirectoryThroughALink(t *testing.T) {
	c := cacheIn(t)
	if err := c.write("facts-1", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(c.dir, link); err != nil {
		t.Skip(err)
	}
	if got, ok := Open(link, c.host).read("facts-1"); !ok || string(got) != "hello" {
		t.Errorf("read %q", got)
	}
}

func TestEntryIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such bits")
	}
	c := cacheIn(t)
	if err := c.write("facts-1", nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{c.dir, c.file("facts-1")} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestLeastUsedGoesFirst(t *testing.T) {
	c := cacheIn(t)
	c.maxBytes = 1000
	body := make([]byte, 300)
	for i, key := range []string{"facts-a", "facts-b", "facts-c"} {
		if err := c.write(key, body); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(c.file(key), old, old); err != nil {
			t.Fatal(err)
		}
	}
	c.touch("facts-a")
	old := filepath.Join(c.dir, temporary+"1")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Now(), time.Now().Add(-2*abandoned)); err != nil {
		t.Fatal(err)
	}
	if err := c.write("facts-d", body); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"facts-a": true, "facts-b": false, "facts-c": true, "facts-d": true} {
		if _, ok := c.read(key); ok != want && !(key == "facts-c" && !ok) {
			t.Errorf("%s is there: %v", key, ok)
		}
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("a file that was never renamed is still there")
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m, c := newMachine(t), Open(filepath.Join(file, "below"), "1")
	if c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, later()) {
		t.Error("kept below a file")
	}
	if err := cacheIn(t).write("facts-1", make([]byte, MaxEntryBytes)); err == nil {
		t.Error("an entry of any size is kept")
	}
}

func FuzzDecode(f *testing.F) {
	good, err := encode(factsHeader{}, &pluginv1.CollectResponse{KeepNs: 1, Inputs: []*pluginv1.Input{{Path: "/a"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var h factsHeader
		r := &pluginv1.CollectResponse{}
		if decode(data, &h, r) != nil {
			return
		}
		again, err := encode(h, r)
		if err != nil {
			t.Skip() // years that JSON cannot write
		}
		if err := decode(again, &h, &pluginv1.CollectResponse{}); err != nil {
			t.Errorf("what was read cannot be written and read: %v", err)
		}
	})
}
