// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"runtime"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Keep says which tables a result keeps.
type Keep int

// KeepEnds keeps those that no node consumes; KeepAll every one, which takes
// the memory or disk of all of them and keeps kernels from streaming; KeepNone
// none.
const (
	KeepEnds Keep = iota
	KeepAll
	KeepNone
)

// keeps reports whether the result holds the table of n.
func (k Keep) keeps(n *node) bool {
	return k == KeepAll || k == KeepEnds && len(n.consumers) == 0
}

// DefaultTableBytes is what kept tables may take in memory unless they are told
// otherwise: a table that is larger costs a temporary file, and a small one none.
const DefaultTableBytes = 48 << 20

// Options of MakePlan and Run, which take the same. The zero value is fine.
type Options struct {
	// Parallel bounds the segments that run at the same time. Default: the
	// number of processors.
	Parallel int
	// MaxTableBytes bounds all kept tables in memory together. Default
	// DefaultTableBytes.
	MaxTableBytes int64
	// MaxSpillBytes bounds what goes to disk beyond that. Default 64 GiB.
	MaxSpillBytes int64
	// TempDir is where it goes. Default: that of the system.
	TempDir string
	// EdgeBytes and EdgeRows are the credits of a stream. Default: the bytes of
	// two full batches, and the rows of four.
	EdgeBytes, EdgeRows int64
	Keep                Keep
	// Backoff is the wait before the first retry; it doubles with each one, up
	// to 30 s. Default 200 ms.
	Backoff time.Duration
	// NoFusion calls every kernel on its own.
	NoFusion bool
	// Cache of results; nil for none.
	Cache Cache
	// UndoTimeout bounds one call that takes back what a node did. Default 30 s.
	UndoTimeout time.Duration

	// Together promises, in a way that outlasts this process, that the new versions of
	// all sinks of a run appear. It is called when each of them is prepared and none is
	// committed, if there are several, or one and side effects that could be taken
	// back. Nil promises nothing.
	Together func(sinks []SinkWriter) (Promise, error)

	// Effects keeps what nodes do outside of their outputs, so that another process
	// can take it back; nil keeps it in this one.
	Effects Effects

	// fail stands before every step that changes something outside of the run,
	// and tests end the process there.
	fail func(step string) error
}

func (o Options) withDefaults() Options {
	o.Parallel = orDefault(o.Parallel, runtime.GOMAXPROCS(0))
	o.MaxTableBytes = orDefault(o.MaxTableBytes, DefaultTableBytes)
	o.MaxSpillBytes = orDefault(o.MaxSpillBytes, 64<<30)
	o.EdgeBytes = orDefault(o.EdgeBytes, 2*table.MaxBytes)
	o.EdgeRows = orDefault(o.EdgeRows, 4*table.MaxRows)
	o.Backoff = orDefault(o.Backoff, 200*time.Millisecond)
	o.UndoTimeout = orDefault(o.UndoTimeout, 30*time.Second)
	if o.fail == nil {
		o.fail = noFailure
	}
	return o
}

// orDefault replaces what is not set, or set to nonsense.
func orDefault[T int | int64 | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}

// ledger counts the tables of one run.
func (o Options) ledger() *edge.Ledger { return edge.NewLedger(o.MaxTableBytes, o.MaxSpillBytes) }
