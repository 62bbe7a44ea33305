// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// WriteConfig are the settings of a writing kernel.
type WriteConfig struct {
	// Compression inside the file; empty is the format's usual one.
	Compression string `json:"compression,omitempty"`
	// Table of a SQLite database.
	Table string `json:"table,omitempty"`
}

// errAbandoned ends a plugin's writing.
var errAbandoned = errors.New("the sink was given up")

// remote hands batches to a kernel that writes a file. The kernel's process
// keeps what it can write to for as long as it lives, so that it gets a file of
// its own, which is copied when it is complete.
type remote struct {
	scratch *os.File
	out     *os.File
	stop    context.CancelCauseFunc
	in      chan arrow.RecordBatch
	taken   chan struct{}
	done    chan struct{} // closed when the kernel has ended
	ended   bool          // no more batches come, and none was lost
	err     error         // of the kernel; to be read after done
}

func newRemote(ctx context.Context, spec Spec, out *os.File, schema *arrow.Schema, decoder source.Decoder) (*remote, error) {
	config, err := json.Marshal(WriteConfig{Compression: spec.Compression, Table: spec.Table})
	if err != nil {
		return nil, err
	}
	scratch, err := os.OpenFile(out.Name()+pluginSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, _ = tryLock(scratch) // its name may be swept without: it is used by its descriptor
	ctx, stop := context.WithCancelCause(ctx)
	r := &remote{scratch: scratch, out: out, stop: stop, in: make(chan arrow.RecordBatch), taken: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = decoder.Write(ctx, "write_"+spec.format(), config, scratch, schema, r.batches(ctx))
	}()
	return r, nil
}

// batches gives the kernel what comes. A batch is the sink's caller's again when
// the next one is asked for.
func (r *remote) batches(ctx context.Context) func(func(arrow.RecordBatch, error) bool) {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for {
			select {
			case <-ctx.Done():
				yield(nil, context.Cause(ctx))
				return
			case batch, more := <-r.in:
				if !more {
					return // the rows are complete
				}
				again := yield(batch, nil)
				select {
				case r.taken <- struct{}{}:
				case <-ctx.Done():
				}
				if !again {
					return
				}
			}
		}
	}
}

func (r *remote) write(batch arrow.RecordBatch) error {
	select {
	case r.in <- batch:
	case <-r.done:
		return r.early()
	}
	select {
	case <-r.taken:
		return nil
	case <-r.done:
		return r.early()
	}
}

// early is the error of a kernel that ended before its input did.
func (r *remote) early() error {
	if r.err != nil {
		return r.err
	}
	return errors.New("the plugin ended before it had read all rows")
}

func (r *remote) finish() error {
	r.end()
	<-r.done
	if r.err != nil {
		return r.err
	}
	n, err := io.Copy(r.out, io.NewSectionReader(r.scratch, 0, 1<<62))
	if err == nil && n == 0 {
		err = errors.New("the plugin wrote nothing into the file")
	}
	return err
}

// end says that no more batches come.
func (r *remote) end() {
	if !r.ended {
		r.ended = true
		close(r.in)
	}
}

func (r *remote) abandon() {
	r.stop(errAbandoned) // before the end of the input, which it must not see
	<-r.done
	r.remove()
}

// remove takes the kernel's file away.
func (r *remote) remove() {
	if r.scratch != nil {
		_ = r.scratch.Close() // it was copied, or is thrown away
		os.Remove(r.scratch.Name())
		r.scratch = nil
	}
}

func (r *remote) replaced() int64 { return 0 }
