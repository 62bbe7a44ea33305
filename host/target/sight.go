// SPDX-License-Identifier: Apache-2.0

package target

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// Look is a machine at one moment: what one plugin's grants made it look up is
// not looked up again for those of the next one. It is safe for concurrent use.
// Keep it no longer than the start of plugins takes, for the machine changes.
type Look struct {
	machine *Machine
	seen    sight
}

// Look begins to look at a machine.
func (m *Machine) Look() *Look { return &Look{machine: m} }

// Expand is [Machine.Expand] with what was seen before.
func (l *Look) Expand(grants []manifest.Grant) View { return l.machine.expand(grants, &l.seen) }

// sight is what was seen of a machine's files, by path: hundreds of grants name
// the same few directories, most of which are not there.
type sight struct {
	real  memo[string]      // where paths lead
	link  memo[fs.FileInfo] // what they are, not followed
	end   memo[fs.FileInfo] // what they lead to
	names memo[[]string]    // what directories hold, sorted
}

// memo keeps answers by path. Of errors it keeps those that say that nothing is
// there; others may pass.
type memo[T any] struct {
	mu    sync.Mutex
	known map[string]answer[T]
}

type answer[T any] struct {
	value T
	err   error
}

// get returns what is known, or asks. Two at a time may ask the same.
func (m *memo[T]) get(key string, ask func() (T, error)) (T, error) {
	m.mu.Lock()
	a, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return a.value, a.err
	}
	a.value, a.err = ask()
	if a.err == nil || absent(a.err) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.known == nil {
			m.known = map[string]answer[T]{}
		}
		m.known[key] = a
	}
	return a.value, a.err
}

// absent reports whether an error says that nothing has such a path.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
