// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// marks are what a server says about a version of a file.
type marks struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// Total bytes of the file; -1 when the server does not tell.
	Total int64 `json:"total"`
}

// strong reports whether equal marks mean equal bytes.
func (m marks) strong() bool { return m.ETag != "" && !strings.HasPrefix(m.ETag, "W/") }

// load reads the marks of a file, if there is such a file and they are its own.
func (f *fetch) load(kind string) (m marks, size int64, ok bool) {
	info, err := os.Stat(f.name(kind))
	if err != nil || !info.Mode().IsRegular() {
		return m, 0, false
	}
	text, err := os.ReadFile(f.name(kind + ".json"))
	if err != nil || json.Unmarshal(text, &m) != nil {
		return m, 0, false
	}
	return m, info.Size(), true
}

// save writes the marks of a file, at once.
func (f *fetch) save(kind string, m marks) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(f.Dir, "marks-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), f.name(kind+".json"))
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // the error is told already
	}
	return err
}

// keep gives the complete part its name. Between the steps there are data
// without marks, which are fetched again.
func (f *fetch) keep(m marks) error {
	err := os.Remove(f.name("data.json"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = os.Rename(f.name("part"), f.name("data"))
	}
	if err == nil {
		err = f.save("data", m)
	}
	if err != nil {
		return f.local(err)
	}
	_ = os.Remove(f.name("part.json")) // without a part it says nothing
	return nil
}

// lock waits until no other process fetches the same address.
func (f *fetch) lock(ctx context.Context) (unlock func(), err error) {
	lock, err := os.OpenFile(filepath.Clean(f.name("lock")), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, f.local(err)
	}
	for {
		ok, err := tryLock(lock)
		if ok {
			return func() { _ = lock.Close() }, nil // which unlocks
		}
		if err == nil {
			err = sleep(ctx, 50*time.Millisecond)
		} else {
			err = f.local(err)
		}
		if err != nil {
			_ = lock.Close() // nothing was written
			return nil, err
		}
	}
}
