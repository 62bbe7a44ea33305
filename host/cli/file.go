// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeFile writes a file so that it holds its old content or all of the new:
// temporary file, sync, rename. What is no regular file, such as /dev/stdout, is
// written to and never replaced.
func writeFile(name string, write func(io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return writeSpecial(name, write)
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("making a file beside %s: %w", name, err)
	}
	defer os.Remove(tmp.Name()) // fails after the rename, as it should
	b := bufio.NewWriter(tmp)
	err = write(b)
	if err := errors.Join(err, b.Flush(), tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(tmp.Name(), name)
}

// writeSpecial writes to a device or a pipe. A pipe that nobody reads from is an
// error instead of a wait.
func writeSpecial(name string, write func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_WRONLY|nonBlocking, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
