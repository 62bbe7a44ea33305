// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// TempPrefix begins the names of files that are not complete.
const TempPrefix = ".new-"

// Fail stands before every step of a commit, for tests that end the process or
// the step there. Nil does nothing.
type Fail func(step string) error

// Steps that Replace passes, in their order.
const (
	StepCreate = "creating the file"
	StepWrite  = "writing the file"
	StepSync   = "syncing the file"
	StepRename = "renaming the file"
	StepDir    = "syncing the directory"
)

func (f Fail) at(step string) error {
	if f == nil {
		return nil
	}
	return f(step)
}

// Replace makes data the content of a file. The directory must be there.
func Replace(name string, data []byte, fail Fail) error {
	temp, err := Temp(filepath.Dir(name), data, fail)
	if err != nil {
		return err
	}
	return Rename(temp, name, fail)
}

// Temp writes data to a new file with a name of its own in a directory and brings
// its bytes to disk. Rename makes it count; whoever does not must remove it.
func Temp(dir string, data []byte, fail Fail) (name string, err error) {
	if err := fail.at(StepCreate); err != nil {
		return "", err
	}
	name = filepath.Join(dir, TempPrefix+rand.Text())
	f, err := OpenRegular(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return "", err
	}
	err = errors.Join(write(f, data, fail), f.Close())
	if err != nil {
		_ = os.Remove(name) // what was written is of no use
		return "", err
	}
	return name, nil
}

func write(f *os.File, data []byte, fail Fail) error {
	if err := fail.at(StepWrite); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := fail.at(StepSync); err != nil {
		return err
	}
	return f.Sync()
}

// Rename gives a file of Temp its name and brings that to disk. When it fails the
// file is gone.
func Rename(temp, name string, fail Fail) error {
	err := fail.at(StepRename)
	if err == nil {
		err = rename(temp, name)
	}
	if err != nil {
		_ = os.Remove(temp) // what was written is of no use
		return err
	}
	if err := fail.at(StepDir); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// Abandoned reports whether an entry of a directory is a file of Temp that is so
// old that nobody will rename it.
func Abandoned(e fs.DirEntry, now time.Time) bool {
	if !strings.HasPrefix(e.Name(), TempPrefix) {
		return false
	}
	info, err := e.Info()
	return err == nil && now.Sub(info.ModTime()) > time.Hour
}

// OpenRegular opens a file and refuses all but regular ones: no link is
// followed, and no pipe can make the host wait. New files are the user's alone.
func OpenRegular(name string, flag int) (*os.File, error) {
	f, err := os.OpenFile(name, flag|openFlags, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("it is no regular file")}
	}
	if err != nil {
		_ = f.Close() // it was only looked at
		return nil, err
	}
	return f, nil
}

// ReadFile reads a regular file of at most limit bytes.
func ReadFile(name string, limit int64) ([]byte, error) {
	f, err := OpenRegular(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it has %d bytes, more than %d", info.Size(), limit)}
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // it was cut meanwhile
	}
	return data[:n], err
}
