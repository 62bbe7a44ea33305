// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// openSink is a sink that was written and is not in place yet.
type openSink struct {
	node   *node
	writer SinkWriter
}

// commit puts all sinks in place, or none: first each of them is brought to disk, then
// all are promised, then each is renamed, in the order of the pipeline. When one cannot
// be, those before it are put back.
func (r *runner) commit() {
	ctx := context.WithoutCancel(r.ctx)
	slices.SortFunc(r.sinks, func(a, b openSink) int { return a.node.index - b.node.index })
	for _, s := range r.sinks {
		if err := r.step("preparing "+s.node.Name, func() error { return s.writer.Prepare(ctx) }); err != nil {
			r.sinkFailed(s.node, err)
			return
		}
	}
	promise := r.promise()
	for _, s := range r.sinks {
		var written Written
		err := r.step("committing "+s.node.Name, func() (err error) {
			written, err = s.writer.Commit()
			return err
		})
		if err != nil {
			r.putBack(promise)
			r.sinks = r.sinks[len(r.result.Sinks):]
			r.sinkFailed(s.node, err)
			return
		}
		written.Node = s.node.Name
		r.result.Sinks = append(r.result.Sinks, written)
	}
	if len(r.undos) > 0 {
		r.noteEffect(r.undos[0].node, Effects.Stay)
	}
	if promise != nil {
		r.warnOfSinks(apart, r.step("ending the promise", promise.End))
	}
	r.sinks = nil
}

// promise makes the new versions of all sinks appear, whatever becomes of this
// process. When it cannot, that is a warning.
func (r *runner) promise() Promise {
	if r.options.Together == nil || len(r.sinks) == 0 || len(r.sinks) == 1 && len(r.undos) == 0 {
		return nil
	}
	var writers []SinkWriter
	for _, s := range r.sinks {
		writers = append(writers, s.writer)
	}
	var made Promise
	err := r.step("promising the sinks", func() (err error) {
		made, err = r.options.Together(writers)
		return err
	})
	if err != nil {
		r.warnOfSinks(apart, err)
		return nil
	}
	return made
}

// apart is what is wrong with sinks that were not promised.
const apart = "Files that may not appear together"

// warnOfSinks tells of an error beside the sinks.
func (r *runner) warnOfSinks(summary string, err error) {
	if err == nil {
		return
	}
	first := r.of(r.sinks[0].node)
	p := problemf(first.Name, summary, "Some of them may be new and others old when the host dies in between, or cannot put all of them in place: %v.", err).because(err)
	p.Severity = SeverityWarning
	first.Problems = append(first.Problems, p)
}

// putBack takes the sinks out of their places. Where it cannot, they stay in the
// result.
func (r *runner) putBack(made Promise) {
	if made == nil {
		return
	}
	if err := r.step("putting the sinks back", made.Undo); err != nil {
		r.warnOfSinks("Files that could not be put back", err)
		return
	}
	r.result.Sinks = nil
}

// step does one thing that is seen outside of the run.
func (r *runner) step(name string, do func() error) error {
	if err := r.options.fail(name); err != nil {
		return err
	}
	return do()
}

// sinkFailed ends the node of a sink that could not be put in place, because of
// it or because the run was cancelled.
func (r *runner) sinkFailed(n *node, err error) {
	one := r.of(n)
	if cause := context.Cause(r.ctx); cause != nil && errors.Is(err, cause) {
		one.end(Cancelled, causeText(cause)+"."+r.inPlace())
		return
	}
	p := callProblem(n.Name, err)
	p.Detail = strings.TrimSuffix(p.Detail, ".") + "." + r.inPlace()
	one.Problems = append(one.Problems, p)
	one.end(Failed, p.Summary)
	r.failure, r.failed = p, n
}

// inPlace says which sinks are new already.
func (r *runner) inPlace() string {
	if len(r.result.Sinks) == 0 {
		return " No sink of this run is in place; each file is what it was before."
	}
	text := " In place are:"
	for _, s := range r.result.Sinks {
		text += fmt.Sprintf(" %s", s.Path)
	}
	return text + "; the other files are what they were before."
}

// abort removes what the sinks that are not in place have written. They have
// not failed, but they are not there either.
func (r *runner) abort() {
	status, reason := r.unplaced()
	for _, s := range r.sinks {
		one := r.of(s.node)
		if one.Status == OK {
			one.end(status, reason)
		}
		if err := s.writer.Abort(); err != nil {
			note := problemf(s.node.Name, "Unfinished file left behind", "%v.", err).because(err)
			note.Severity = SeverityWarning
			one.Problems = append(one.Problems, note)
		}
	}
	r.sinks = nil
}

// unplaced is what becomes of a sink that was written in a run that did not come
// to its end.
func (r *runner) unplaced() (Status, string) {
	if r.failed != nil {
		return Skipped, r.failed.Name + " failed"
	}
	return Cancelled, causeText(context.Cause(r.ctx))
}
