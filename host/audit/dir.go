// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// DirVariable is the environment variable that names another directory for
	// the log, by an absolute path.
	DirVariable = "BULKHEAD_AUDIT_DIR"

	lockName = "lock"
	tornName = "torn-%06d-%d"
	// pendingSuffix marks a side file whose repair is not in the log yet.
	pendingSuffix = ".pending"
	asideSuffix   = ".bin"
)

// DefaultDir is where the log of this user is: what DirVariable names; else
// bulkhead/audit in $XDG_STATE_HOME, or in ~/.local/state; on Windows
// bulkhead\audit in the Known Folder LocalAppData.
func DefaultDir() (string, error) {
	if dir := os.Getenv(DirVariable); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("%s is %q; it must be an absolute path", DirVariable, dir)
		}
		return filepath.Clean(dir), nil
	}
	state, err := stateHome()
	if err != nil {
		return "", fmt.Errorf("no place for the audit log: %w; set %s to a directory", err, DirVariable)
	}
	return filepath.Join(state, "bulkhead", "audit"), nil
}

// fileName is the name of the n-th file.
func fileName(n int) string { return fmt.Sprintf("audit-%06d.jsonl", n) }

// fileNumber is the reverse of fileName.
func fileNumber(name string) (int, bool) {
	digits := strings.TrimSuffix(strings.TrimPrefix(name, "audit-"), ".jsonl")
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0 && n < 1e9 && fileName(n) == name
}

// numbers lists the files of the log in order. A directory that is not there
// has none.
func numbers(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		if n, ok := fileNumber(e.Name()); ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// makeDir makes the directory, for nobody else.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if sharedMode(info.Mode()) {
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// openRegular opens a file of the log and refuses all but regular files: no
// link is followed, and no pipe can make the host wait.
func openRegular(name string, flag int) (*os.File, error) {
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

// readSmall reads a file of at most limit bytes.
func readSmall(name string, limit int64) ([]byte, error) {
	f, err := openRegular(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it is longer than %d bytes", limit)}
	}
	return data, err
}
