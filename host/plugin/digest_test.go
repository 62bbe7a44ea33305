// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// aged is a fileID whose last change is long past.
func aged(id fileID) fileID {
	id.ctime = time.Now().Add(-time.Hour).UnixNano()
	return id
}

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestDigestCache(t *testing.T) {
	cache := digestCache{filepath.Join(t.TempDir(), "digests")}
	id := aged(fileID{dev: 1, ino: 2, size: 3, mtime: 4})
	if _, ok := cache.load(id); ok {
		t.Fatal("an empty cache answered")
	}
	cache.store(id, someDigest)
	if got, ok := cache.load(id); !ok || got != someDigest {
		t.Fatalf("%q, %v", got, ok)
	}
	for name, change := range map[string]func(*fileID){
		"size": func(i *fileID) { i.size++ }, "mtime": func(i *fileID) { i.mtime++ },
		"ctime": func(i *fileID) { i.ctime++ }, "inode": func(i *fileID) { i.ino++ }, "device": func(i *fileID) { i.dev++ },
	} {
		other := id
		change(&other)
		if _, ok := cache.load(other); ok {
			t.Errorf("a file with another %s was taken for the same", name)
		}
	}
}

// An entry that is damaged, or that somebody else may have written, is no entry.
func TestDigestCacheIsNotTrusted(t *testing.T) {
	id := aged(fileID{dev: 1, ino: 2, size: 3, mtime: 4})
	for name, text := range map[string]string{
		"empty": "", "cut": id.entry() + someDigest[:20], "no end": id.entry() + someDigest, "noise": strings.Repeat("\x00", 600),
		"trailer": id.entry() + someDigest + "\nx", "not hex": id.entry() + "sha256:" + strings.Repeat("z", 64) + "\n",
	} {
		cache := digestCache{t.TempDir()}
		if err := os.WriteFile(cache.path(id), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := cache.load(id); ok {
			t.Errorf("%s: %q", name, got)
		}
	}
	cache := digestCache{t.TempDir()}
	cache.store(id, someDigest)
	if err := os.Chmod(cache.path(id), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, ok := cache.load(id); ok {
		t.Error("an entry that anybody may write was believed")
	}
}

// A change within the clock's tick would go unseen, so fresh files wait.
func TestFreshFilesAreNotCached(t *testing.T) {
	cache := digestCache{t.TempDir()}
	id := fileID{dev: 1, ino: 2, ctime: time.Now().UnixNano()}
	cache.store(id, someDigest)
	if _, ok := cache.load(id); ok {
		t.Error("a file that may still change was cached")
	}
}

func TestCacheIsUsed(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Open("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	measured, err := digestOf(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identify(file)
	if err != nil {
		t.Fatal(err)
	}
	digestCache{dir}.store(id, someDigest) // a lie, to see who is asked
	if got, _ := digestOf(file, dir); got != someDigest || got == measured {
		t.Errorf("digest %q, want the cached one", got)
	}
	if got, _ := digestOf(file, ""); got != measured {
		t.Errorf("digest %q without a cache, want %q", got, measured)
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, t.TempDir(), "/dev/zero"} {
		done := make(chan error, 1)
		go func() {
			_, _, err := openExecutable(path, "", "")
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s: %v", path, err)
			}
		case <-time.After(bound):
			t.Fatalf("%s: the open hangs", path)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	id := fileID{dev: 1, ino: 2, size: 3, mtime: 4, ctime: 5}
	f.Add(id.entry() + someDigest + "\n")
	f.Add("bulkhead-digest 2 ")
	f.Fuzz(func(t *testing.T, text string) {
		if digest, ok := parseEntry(text, id); ok && text != id.entry()+digest+"\n" {
			t.Fatalf("%q was accepted as %q", text, digest)
		}
	})
}
