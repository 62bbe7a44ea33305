// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// userScope is the id of the user's scope; those of projects are hexadecimal.
const userScope = "user"

// Scope is what shares one lock file: a project's directory, or the user. It is
// safe for concurrent use.
type Scope struct {
	store   *Store
	id      string
	project string // path without links; empty for the user
	pointer string // path of the lock file
}

// Scope returns the scope of a project's directory, which must be there, or the
// user's when dir is empty. Nothing is written.
func (s *Store) Scope(dir string) (*Scope, error) {
	if dir == "" {
		return &Scope{store: s, id: userScope, pointer: s.path(userLock)}, nil
	}
	path, err := realDir(dir)
	if err != nil {
		return nil, fmt.Errorf("no project in %s: %w", dir, err)
	}
	sum := sha256.Sum256([]byte("bulkhead scope 1\n" + path))
	return &Scope{store: s, id: hex.EncodeToString(sum[:16]), project: path, pointer: filepath.Join(path, lock.FileName)}, nil
}

func realDir(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no directory")
	}
	return path, err
}

// Lock is the path of the lock file, which need not be there.
func (sc *Scope) Lock() string { return sc.pointer }

// Project is the project's directory without links; empty for the user.
func (sc *Scope) Project() string { return sc.project }

// Dir makes and returns the directory of the scope in the store. Files in it that
// this package does not know are their writer's; a collection keeps the entries
// whose digests they name.
func (sc *Scope) Dir() (string, error) {
	if err := sc.register(); err != nil {
		return "", fmt.Errorf("preparing the scope of %s: %w", sc.pointer, err)
	}
	return sc.path(), nil
}

// File is the path of a file in the directory of the scope, which is not made.
func (sc *Scope) File(name string) string { return sc.path(name) }

func (sc *Scope) path(parts ...string) string {
	return sc.store.path(append([]string{scopeDir, sc.id}, parts...)...)
}

// Current returns the lock file that is in force and the number of its
// generation; an empty file and 0 when there is none. A file that came from
// elsewhere becomes a generation first, or has the number 0 where the store cannot
// be written to. One that is not valid is an error of package lock.
func (sc *Scope) Current() (*lock.File, int, error) {
	text, err := sc.read()
	if err != nil || text == nil {
		return &lock.File{}, 0, err
	}
	file, err := lock.Parse(sc.pointer, text)
	if err != nil {
		return nil, 0, err
	}
	n, err := sc.generationOf(text)
	if n > 0 || err != nil {
		return file, n, err
	}
	n, err = sc.adopt(text)
	if err != nil && !cannotWrite(err) {
		return nil, 0, fmt.Errorf("keeping %s as a generation: %w", sc.pointer, err)
	}
	return file, n, nil
}

// read returns the text of the pointer; nil when there is none.
func (sc *Scope) read() ([]byte, error) {
	text, err := durable.ReadFile(sc.pointer, lock.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		if info, e := os.Lstat(sc.pointer); e == nil && info.Mode()&fs.ModeSymlink != 0 {
			err = fmt.Errorf("%s is a link, and a lock file is replaced as a whole; put the file itself there", sc.pointer)
		}
		return nil, fmt.Errorf("reading the lock file: %w", err)
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}

// adopt makes a text that came from elsewhere a generation.
func (sc *Scope) adopt(text []byte) (int, error) {
	l, err := sc.store.lockStore(context.Background())
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Release() }()
	records, err := sc.tidy(text)
	if err != nil {
		return 0, err
	}
	return sc.found(records, text)
}

// scopeFile is scope.json.
type scopeFile struct {
	Version int    `json:"version"` // 1
	Project string `json:"project,omitempty"`
	Lock    string `json:"lock"`
	// Gone is when a collection first found no lock file; zero when it was there.
	Gone time.Time `json:"gone,omitzero"`
}

const scopeFileName = "scope.json"

// register makes the scope known to collections.
func (sc *Scope) register() error {
	if err := durable.MakeDir(sc.path(generationDir)); err != nil {
		return err
	}
	want := scopeFile{Version: 1, Project: sc.project, Lock: sc.pointer}
	if have, err := readScope(sc.path(scopeFileName)); err == nil && have == want {
		return nil
	}
	return sc.store.writeJSON(sc.path(scopeFileName), want)
}

func readScope(name string) (f scopeFile, err error) {
	err = readJSON(name, &f)
	if err == nil && (f.Version != 1 || !filepath.IsAbs(f.Lock)) {
		err = fmt.Errorf("%s is not from this version of Bulkhead", name)
	}
	return f, err
}

// maxJSON bounds the store's own small files, in bytes.
const maxJSON = 1 << 20

func readJSON(name string, to any) error {
	data, err := durable.ReadFile(name, maxJSON)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s is damaged: %w", name, err)
	}
	return nil
}

func (s *Store) writeJSON(name string, from any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return durable.Replace(name, append(data, '\n'), s.Fail)
}
