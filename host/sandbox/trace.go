// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"runtime"
)

// Use is what a program wants of a name in the file system.
type Use int

// The uses.
const (
	UseLook  Use = iota // whether it is there, of what kind, where a link leads
	UseRead             // to open it for reading; of a directory, to list it
	UseWrite            // to open it for writing, to make, rename or remove it
	UseStart            // to execute it
)

// Touch is one use of a name by a traced program, see [Spec.Trace]. Whether the
// call then succeeded is not known: the program is told what the kernel tells it.
type Touch struct {
	Call string // the system call: "openat"
	Use  Use
	// Path is absolute and clean, as the program sees its root, with its links: a
	// file of the machine lies below [TargetDir].
	Path string
	// Found says that the name leads to something in the program's view, and
	// Directory and Device what that is. Below /proc nothing is looked up.
	Found, Directory, Device bool
}

// ErrNoTrace means that a traced launch is not to be had here. A trace takes Linux
// with a listener for system calls, a level with a root of its own, and none of the
// container runtimes.
var ErrNoTrace = errors.New("programs are traced on Linux 5.14 or newer only, behind the host's own walls at level namespaced or higher")

// checkTrace refuses to trace where nothing could be seen.
func (s *Spec) checkTrace() error {
	if s.Trace != nil && (runtime.GOOS != "linux" || s.Runtime != "") {
		return ErrNoTrace
	}
	return nil
}
