// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"sync"
)

// Ledger counts the bytes of all kept tables of a run, in memory and on disk.
// It is safe for concurrent use.
type Ledger struct {
	mu           sync.Mutex
	memory, disk account
}

// account is one of the two bounds.
type account struct{ used, peak, max int64 }

func (a *account) take(n int64) bool {
	if a.used+n > a.max {
		return false
	}
	a.used += n
	a.peak = max(a.peak, a.used)
	return true
}

// NewLedger bounds all tables together, in bytes.
func NewLedger(memory, disk int64) *Ledger {
	return &Ledger{memory: account{max: memory}, disk: account{max: disk}}
}

// Peak is the most that stood in memory and on disk at one time.
func (l *Ledger) Peak() (memory, disk int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory.peak, l.disk.peak
}

// Used is what stands in memory and on disk now.
func (l *Ledger) Used() (memory, disk int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory.used, l.disk.used
}

// take reports whether n bytes fit into memory, and counts them.
func (l *Ledger) take(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory.take(n)
}

// spill counts n bytes of a file.
func (l *Ledger) spill(n int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.disk.take(n) {
		return nil
	}
	return &FullError{Memory: l.memory.max, Disk: l.disk.max}
}

func (l *Ledger) give(memory, disk int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory.used -= memory
	l.disk.used -= disk
}

// FullError means that the tables between nodes do not fit into what a run may
// use.
type FullError struct {
	// Memory and Disk are the bounds, in bytes.
	Memory, Disk int64
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the tables between the nodes would take more than %s of memory and %s of disk together", BytesText(e.Memory), BytesText(e.Disk))
}

// BytesText writes a number of bytes for people: "1.5 MiB".
func BytesText(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.4g %s", value, units[unit])
}
