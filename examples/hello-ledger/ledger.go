// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// entry is one line.
type entry struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Rows int64     `json:"rows"`
	Note string    `json:"note,omitempty"`
}

// ledger is a file that several processes may change: each holds the lock, a
// file beside it, meanwhile.
type ledger struct {
	dir  *os.Root
	name string
	path string // for messages
}

// openLedger opens the directory of the ledger. In a sandbox the machine's files
// lie below a directory that the host names.
func openLedger(path string) (*ledger, error) {
	machine := strings.TrimSuffix(os.Getenv(handshake.EnvTargetRoot), "/")
	dir, err := os.OpenRoot(filepath.Join(machine, filepath.Dir(path)))
	if err != nil {
		return nil, diag.Errorf("Directory of the ledger that cannot be used",
			"%s: %v. Make it before the run; `bulkhead plugin grants` shows what the plugin is given.", filepath.Dir(path), reason(err)).At("ledger")
	}
	return &ledger{dir: dir, name: filepath.Base(path), path: path}, nil
}

func (l *ledger) close() { l.dir.Close() }

// add adds a line and brings it to the disk. When that fails the ledger is as
// before.
func (l *ledger) add(ctx context.Context, e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return l.changed("added", l.locked(ctx, func() error {
		f, err := l.dir.OpenFile(l.name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		err = syncDirectory(l.dir) // of a new file: from here on its name stays
		if err == nil {
			err = appendLine(f, append(line, '\n'))
		}
		return errors.Join(err, f.Close())
	}))
}

// appendLine adds a line, or nothing. It ends a line that a crash has cut off.
func appendLine(f *os.File, line []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if size := info.Size(); size > 0 {
		last := []byte{0}
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err = f.Write(line)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(info.Size()))
	}
	return nil
}

// takeBack removes the line with an id. When it is not there, nor the ledger,
// there is nothing to do.
func (l *ledger) takeBack(ctx context.Context, id string) error {
	return l.changed("taken back", l.locked(ctx, func() error {
		data, err := l.dir.ReadFile(l.name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		rest, found := without(data, id)
		if err != nil || !found {
			return err
		}
		return l.replace(rest)
	}))
}

// without returns all lines but the one with an id, byte for byte.
func without(data []byte, id string) (rest []byte, found bool) {
	for line := range bytes.Lines(data) {
		var e entry
		if json.Unmarshal(line, &e) == nil && e.ID == id {
			found = true
			continue
		}
		rest = append(rest, line...)
	}
	return rest, found
}

// replace puts a new ledger in the place of the old one: a crash leaves the one
// or the other.
func (l *ledger) replace(data []byte) error {
	info, err := l.dir.Stat(l.name)
	if err != nil {
		return err
	}
	next := l.name + ".new"
	err = l.write(next, data, info.Mode().Perm())
	if err == nil {
		err = l.dir.Rename(next, l.name)
	}
	if err != nil {
		_ = l.dir.Remove(next)
		return err
	}
	return syncDirectory(l.dir)
}

// write makes a file and brings it to the disk.
func (l *ledger) write(name string, data []byte, mode fs.FileMode) error {
	f, err := l.dir.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode) // whatever the mask of this process
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// lockPause is the time between two attempts to get the lock.
const lockPause = 10 * time.Millisecond

// locked calls f while no other process changes the ledger.
func (l *ledger) locked(ctx context.Context, f func() error) error {
	file, err := l.dir.OpenFile(l.name+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close() // which gives the lock back
	for {
		got, err := tryLock(file)
		if err != nil {
			return fmt.Errorf("locking it: %w", err)
		}
		if got {
			return f()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for another process that changes it: %w", context.Cause(ctx))
		case <-time.After(lockPause):
		}
	}
}

// changed says what was not done, where, and why.
func (l *ledger) changed(what string, err error) error {
	if err == nil {
		return nil
	}
	return diag.Errorf("Ledger that cannot be changed", "The line was not %s: %s: %v.", what, l.path, reason(err))
}

// reason is an error without the path of the sandbox, which tells the user nothing.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
