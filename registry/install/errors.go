// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// TamperedError is an entry of the store that is not as it was installed.
type TamperedError struct {
	H1     string
	Dir    string // of the entry
	File   string // below it, with slashes; empty when no single file is known
	Reason string
}

// Error names the entry and the file, and says what to do.
func (e *TamperedError) Error() string {
	what := e.Reason
	if e.File != "" {
		what = e.File + " " + e.Reason
	}
	return fmt.Sprintf("the plugin in %s is not as it was installed: %s; do not use it: `bulkhead plugin verify --repair` fetches it again", e.Dir, what)
}

// MissingError lists digests that the store has no entry for.
type MissingError struct {
	H1s []string
	// Plugins are what a lock file calls them that was to be switched to, each as
	// "acme/scaler@1.4.2".
	Plugins []string
}

// Error lists the plugins, or the digests, and says what to do.
func (e *MissingError) Error() string {
	if len(e.Plugins) > 0 {
		_, version, _ := strings.Cut(e.Plugins[0], "@")
		return fmt.Sprintf("not in the store any more: %s; `bulkhead plugin install %s`, or version = %q in the configuration and `bulkhead init`, brings it back",
			strings.Join(e.Plugins, ", "), e.Plugins[0], version)
	}
	return fmt.Sprintf("not installed: %s; run \"bulkhead init\" to fetch what the lock file names", strings.Join(e.H1s, ", "))
}

// MismatchError is an archive that is not what was promised.
type MismatchError struct {
	Archive string // path
	What    string // "SHA-256", "digest h1", "executable" or "number of bytes"
	Want    string
	Got     string
}

// Error says what differs and what to do.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is not the archive that was promised: its %s is %s, not %s; delete it and fetch it again", e.Archive, e.What, e.Got, e.Want)
}

// ChangedError is a lock file that is not any more what a switch was planned for.
type ChangedError struct{ Lock string } // its path

// Error names the lock file and says what to do.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s changed meanwhile, by another bulkhead, an editor or git; nothing was switched, so run the command again", e.Lock)
}

// NoGenerationError is a generation that is not there, or not any more.
type NoGenerationError struct {
	Lock   string
	Number int // 0 is the one before the current one
}

// Error names the lock file.
func (e *NoGenerationError) Error() string {
	if e.Number == 0 {
		return fmt.Sprintf("there is no generation of %s before the current one", e.Lock)
	}
	return fmt.Sprintf("there is no generation %d of %s; it may have been collected", e.Number, e.Lock)
}

// cannotWrite reports whether a directory is one that this user only reads.
func cannotWrite(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
