// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Subject is the machine, by what makes two runs comparable.
type Subject struct {
	CPU    string   `json:"cpu"`
	CPUs   int      `json:"cpus"`
	Memory uint64   `json:"memory_bytes"`
	GPUs   []string `json:"gpus"`
	OS     string   `json:"os"`
	Arch   string   `json:"arch"`
	Kernel string   `json:"kernel"`
}

// Same reports whether runs of both can be compared. A newer kernel is what one
// may want to compare, and leaves a little more or less of the memory.
func (s Subject) Same(t Subject) bool {
	if more, less := max(s.Memory, t.Memory), min(s.Memory, t.Memory); more-less > more/32 {
		return false
	}
	s.Kernel, t.Kernel, s.Memory, t.Memory = "", "", 0, 0
	a, errA := json.Marshal(s)
	b, errB := json.Marshal(t)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Entry is one run.
type Entry struct {
	SchemaVersion string    `json:"schema_version"`
	At            time.Time `json:"at"`
	Machine       Subject   `json:"machine"`
	Results       []Result  `json:"results"`
}

// EntryVersion is the version of the form of an entry.
const EntryVersion = "1.0"

// Bounds of a history, in bytes.
const (
	maxEntryBytes   = 1 << 20
	maxHistoryBytes = 8 << 20
)

// History is a file of entries, a JSON line each. What is older than 8 MiB is in a
// file beside it, with the ending ".1".
type History struct{ Path string }

// Append adds an entry in one write, so that entries of several hosts do not mix,
// and waits until it is on the disk. A line that a crash left unfinished is ended
// here, and skipped by Read.
func (h History) Append(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(h.Path), 0o700); err != nil {
		return err
	}
	if err := regular(h.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(h.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Size() > 0 && !endsLine(file, info.Size()) {
		line = append([]byte("\n"), line...)
	}
	if err == nil {
		_, err = file.Write(append(line, '\n'))
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("adding to the history of benchmarks: %w", err)
	}
	if info.Size() > maxHistoryBytes {
		return os.Rename(h.Path, h.Path+".1")
	}
	return nil
}

func endsLine(file *os.File, size int64) bool {
	last := []byte{0}
	_, err := file.ReadAt(last, size-1)
	return err == nil && last[0] == '\n'
}

// Read returns the entries, oldest first, and how many lines are none: of another
// version, or damaged. A file that is not there has no entries.
func (h History) Read() (entries []Entry, skipped int, err error) {
	file, err := openRegular(h.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(io.LimitReader(file, maxHistoryBytes+maxEntryBytes), maxEntryBytes)
	for {
		line, err := lines.ReadSlice('\n')
		whole := !errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if e, bad := parseEntry(line); bad == nil && whole {
			entries = append(entries, e)
		} else if len(line) > 0 {
			skipped++
		}
		if errors.Is(err, io.EOF) {
			return entries, skipped, nil
		}
		if err != nil {
			return entries, skipped, err
		}
	}
}

// ReadBaseline reads one entry from a file, as `bench --save` writes it.
func ReadBaseline(name string) (Entry, error) {
	file, err := openRegular(name)
	if err != nil {
		return Entry{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxEntryBytes+1))
	if err != nil {
		return Entry{}, err
	}
	if len(data) > maxEntryBytes {
		return Entry{}, fmt.Errorf("%s is larger than %d MiB: it is no result of bulkhead bench", name, maxEntryBytes>>20)
	}
	e, err := parseEntry(data)
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w; write one with: bulkhead bench --save FILE", name, err)
	}
	return e, nil
}

// regular refuses what is no file: a FIFO would never open.
func regular(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	return err
}

func openRegular(name string) (*os.File, error) {
	if err := regular(name); err != nil {
		return nil, err
	}
	return os.Open(name)
}

func parseEntry(data []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("not a result of benchmarks: %w", err)
	}
	switch {
	case e.SchemaVersion != EntryVersion:
		return e, fmt.Errorf("version %.20q of a result of benchmarks is not one that this program reads (%s)", e.SchemaVersion, EntryVersion)
	case e.At.IsZero():
		return e, errors.New("not a result of benchmarks: it has no time")
	}
	return e, nil
}
