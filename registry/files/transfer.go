// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// transfer moves the bytes of one file from a source, within bounds.
type transfer struct {
	src    Source
	name   string
	limit  int64 // bytes of the whole file
	exact  bool  // the file has limit bytes, no fewer
	rate   int64
	window time.Duration
}

// brokenError is a transfer that ended before the file did; it may be tried again.
type brokenError struct{ err error }

// Error says what happened, where, and what to do about it.
func (b *brokenError) Error() string { return b.err.Error() }

// Unwrap is the error within.
func (b *brokenError) Unwrap() error { return b.err }

// run opens the file at an offset and copies what follows to the writer that begin
// gives, once it is known where the source begins.
func (t transfer) run(ctx context.Context, offset int64, tag string, begin func(Info) (io.Writer, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, info, err := t.open(ctx, offset, tag)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := t.check(info, offset); err != nil {
		return err
	}
	w, err := begin(info)
	if err != nil {
		return err
	}
	p := &pace{rate: t.rate, window: t.window}
	go p.watch(ctx, cancel)
	n, err := io.Copy(w, io.LimitReader(&pacedReader{ctx, p, body}, t.limit-info.Offset+1))
	if why := ended(ctx); err != nil && why != nil && errors.Is(why, ctx.Err()) { // else it was too slow
		return fmt.Errorf("reading %s of %s, of which %d bytes came: %w", t.name, t.src, info.Offset+n, why)
	}
	return t.verdict(info, info.Offset+n, err)
}

func (t transfer) open(ctx context.Context, offset int64, tag string) (io.ReadCloser, Info, error) {
	if r, ok := t.src.(resumer); ok && offset > 0 {
		return r.openTagged(ctx, t.name, offset, tag)
	}
	return t.src.Open(ctx, t.name, offset)
}

// check refuses what a source says before a byte is read.
func (t transfer) check(info Info, offset int64) error {
	switch {
	case info.Offset != 0 && info.Offset != offset:
		return fmt.Errorf("%s of %s: asked for byte %d, the source began at %d; try another mirror", t.name, t.src, offset, info.Offset)
	case info.Size > t.limit:
		return &TooLargeError{t.src.String(), t.name, t.limit, info.Size}
	case t.exact && info.Size >= 0 && info.Size < t.limit:
		return &SizeError{t.src.String(), t.name, t.limit, info.Size}
	}
	return nil
}

// verdict on a file of which total bytes are there and whose reading ended so.
func (t transfer) verdict(info Info, total int64, err error) error {
	var slow *slow
	var write *writeError
	switch {
	case total > t.limit:
		return &TooLargeError{t.src.String(), t.name, t.limit, -1}
	case errors.As(err, &slow):
		return &SlowError{t.src.String(), t.name, slow.bytes, slow.window, slow.rate}
	case errors.As(err, &write):
		return write.err
	case err == nil && info.Size > total:
		err = io.ErrUnexpectedEOF
	case err == nil && t.exact && total < t.limit:
		return &brokenError{&SizeError{t.src.String(), t.name, t.limit, total}}
	}
	if err == nil {
		return nil
	}
	return &brokenError{fmt.Errorf("reading %s of %s: the connection broke after %d bytes: %w", t.name, t.src, total, err)}
}

// writeError tells an error of the writer from one of the source.
type writeError struct{ err error }

// Error says what happened, where, and what to do about it.
func (e *writeError) Error() string { return e.err.Error() }

// markedWriter marks the errors of a writer.
type markedWriter struct{ io.Writer }

// Write is that of io.Writer.
func (w markedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}
