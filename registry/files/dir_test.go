// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

func store(t *testing.T) (Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registry")
	s, err := OpenStore(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

func TestDirKeepsToItself(t *testing.T) {
	s, path := store(t)
	outside := filepath.Join(filepath.Dir(path), "secret")
	must(t, os.WriteFile(outside, []byte("secret"), 0o600))
	must(t, os.MkdirAll(filepath.Join(path, "metadata"), 0o755))
	if err := os.Symlink(outside, filepath.Join(path, "metadata", "link")); err != nil {
		t.Skip(err) // Windows wants a right for it
	}
	must(t, os.Symlink(filepath.Dir(path), filepath.Join(path, "up")))
	for _, name := range []string{"metadata/link", "up/secret", "metadata"} {
		if data, err := ReadAll(t.Context(), s, name, 100); err == nil {
			t.Errorf("%s gives %q", name, data)
		}
	}
	if err := s.Put(t.Context(), "up/new/file", strings.NewReader("x")); err == nil {
		t.Error("a file was written by a link out of the registry")
	}
	must(t, s.Put(t.Context(), "metadata/link", strings.NewReader("mine")))
	if data, _ := os.ReadFile(outside); string(data) != "secret" {
		t.Errorf("Put wrote through a link: %q", data)
	}
}

func TestDirPutIsAtomicAtEachStep(t *testing.T) {
	for _, step := range []string{durable.StepCreate, durable.StepWrite, durable.StepSync, durable.StepRename, durable.StepDir} {
		t.Run(step, func(t *testing.T) {
			s, path := store(t)
			must(t, s.Put(t.Context(), "metadata/timestamp.json", strings.NewReader("old")))
			fault := errors.New("fault")
			s.(*dir).fail = func(at string) error {
				if at == step {
					return fault
				}
				return nil
			}
			if err := s.Put(t.Context(), "metadata/timestamp.json", strings.NewReader("new")); !errors.Is(err, fault) {
				t.Fatalf("Put: %v", err)
			}
			want := "old"
			if step == durable.StepDir {
				want = "new"
			}
			if got := read(t, s, "metadata/timestamp.json"); got != want {
				t.Errorf("the file is %q, want %q", got, want)
			}
			if left, _ := os.ReadDir(filepath.Join(path, "metadata")); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestDirPutOfBrokenReaderChangesNothing(t *testing.T) {
	s, _ := store(t)
	must(t, s.Put(t.Context(), "a", strings.NewReader("old")))
	broken := io.MultiReader(strings.NewReader("ne"), errReader{})
	if err := s.Put(t.Context(), "a", broken); !errors.Is(err, errBroken) {
		t.Fatalf("Put: %v", err)
	}
	if got := read(t, s, "a"); got != "old" {
		t.Errorf("the file is %q", got)
	}
}

func TestDirLock(t *testing.T) {
	s, path := store(t)
	stale := filepath.Join(path, durable.TempPrefix+"X")
	must(t, os.WriteFile(stale, nil, 0o600))
	must(t, os.Chtimes(stale, time.Time{}, time.Now().Add(-2*time.Hour)))
	unlock, err := s.Lock(t.Context())
	must(t, err)
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a dead writer left is still there: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(short); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, durable.ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	must(t, unlock())
	unlock, err = s.Lock(t.Context())
	must(t, err)
	must(t, unlock())
}

func TestDirReadersSeeWholeFiles(t *testing.T) {
	s, _ := store(t)
	content := [2]string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	must(t, s.Put(t.Context(), "f", strings.NewReader(content[0])))
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 50 {
				if got := read(t, s, "f"); got != content[0] && got != content[1] {
					t.Errorf("a reader saw %d bytes of a mixed file", len(got))
				}
			}
		})
	}
	for i := range 20 {
		must(t, s.Put(t.Context(), "f", strings.NewReader(content[i%2])))
	}
	readers.Wait()
}

// TestDirIsPublic as far as the umask lets it be: a web server serves the directory.
func TestDirIsPublic(t *testing.T) {
	if filepath.Separator != '/' {
		t.Skip("modes are of Unix")
	}
	s, path := store(t)
	must(t, s.Put(t.Context(), "metadata/root.json", strings.NewReader("x")))
	plain := t.TempDir()
	must(t, os.Mkdir(filepath.Join(plain, "metadata"), 0o755))
	must(t, os.WriteFile(filepath.Join(plain, "metadata", "root.json"), nil, 0o644))
	for _, name := range []string{"metadata", "metadata/root.json"} {
		got, err := os.Stat(filepath.Join(path, name))
		must(t, err)
		want, err := os.Stat(filepath.Join(plain, name))
		must(t, err)
		if got.Mode() != want.Mode() {
			t.Errorf("%s has mode %v, want %v", name, got.Mode(), want.Mode())
		}
	}
}

func TestOpenSourceOfNothing(t *testing.T) {
	if _, err := OpenSource(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := OpenSource(file, Options{}); err == nil {
		t.Error("a file was opened as a directory")
	}
}

var errBroken = errors.New("broken")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s Source, name string) string {
	t.Helper()
	data, err := ReadAll(t.Context(), s, name, 1<<20)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}
