// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Run is a pipeline that a host runs, or ran. Its methods are safe for
// concurrent use, and every wait ends with its context. Waits that end early
// leave the run alone; Cancel, or the context that it was started with, ends it.
type Run struct {
	// ctx ends when the host is to end.
	ctx     context.Context
	cancel  context.CancelFunc
	host    Host
	cleanup func()

	journal *journal
	stderr  tail
	// planned is closed when the nodes are known, or the run is over.
	planned chan struct{}
	// done is closed when the host has ended and all is told.
	done chan struct{}

	mu      sync.Mutex
	plan    *Plan
	nodes   map[string]*nodeState
	report  *Report
	failure *Failure
	err     error
}

// Start writes the pipeline to a hidden file in Host.Dir, which is removed at the
// end, and starts a host on it. The end of ctx ends the run.
func (p *Pipeline) Start(ctx context.Context, h Host) (*Run, error) {
	text, err := p.HCL()
	if err != nil {
		return nil, err
	}
	file, err := hidden(h.Dir, text)
	if err != nil {
		return nil, fmt.Errorf("the pipeline cannot be written to a file (%w); give a Host.Dir that is writable, or write it yourself and start the host on it", err)
	}
	h.Pipeline = p.Name()
	return h.start(ctx, []string{file}, func() { _ = os.Remove(file) })
}

// hidden writes a file that no directory of configurations takes for one of its
// own.
func hidden(dir string, text []byte) (string, error) {
	f, err := os.CreateTemp(cmp.Or(dir, "."), ".bulkhead-*.hcl")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return filepath.Abs(f.Name())
}

// StartFile starts the installed host on files or directories of a
// configuration; none means the working directory. The end of ctx ends the run.
func StartFile(ctx context.Context, paths ...string) (*Run, error) {
	return Host{}.StartFile(ctx, paths...)
}

// StartFile starts the host on files or directories of a configuration; none
// means Host.Dir. The end of ctx ends the run.
func (h Host) StartFile(ctx context.Context, paths ...string) (*Run, error) {
	return h.start(ctx, paths, func() {})
}

// start runs the host; cleanup follows its end, whatever happens.
func (h Host) start(ctx context.Context, paths []string, cleanup func()) (*Run, error) {
	cmd, err := h.command(ctx, paths)
	if err != nil {
		cleanup()
		return nil, err
	}
	r := &Run{
		host: h, cleanup: cleanup, journal: newJournal(), stderr: tail{keep: 4 << 10},
		planned: make(chan struct{}), done: make(chan struct{}), nodes: map[string]*nodeState{},
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	lines := &lineWriter{max: MaxLine, take: r.line}
	cmd.Stdout = lines
	cmd.Stderr = &r.stderr
	if h.Stderr != nil {
		cmd.Stderr = io.MultiWriter(&r.stderr, h.Stderr)
	}
	if err := cmd.Start(); err != nil {
		r.cancel()
		cleanup()
		return nil, &NotFoundError{Path: cmd.Path, Err: err}
	}
	go r.supervise(cmd, lines)
	return r, nil
}

// command is the host with its arguments, once it is known to fit.
func (h Host) command(ctx context.Context, paths []string) (*exec.Cmd, error) {
	path, err := h.executable()
	if err != nil {
		return nil, err
	}
	if err := h.check(ctx, path); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	cmd := exec.Command(path, h.args(paths)...)
	cmd.Dir, cmd.Env = h.Dir, h.Env
	// A descendant that kept the pipes must not keep us.
	cmd.WaitDelay = time.Second
	inGroup(cmd)
	return cmd, nil
}

// supervise ends the host when its context ends, and settles everything when it
// has ended.
func (r *Run) supervise(cmd *exec.Cmd, lines *lineWriter) {
	exited, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		r.watch(cmd.Process, exited)
	}()
	_ = cmd.Wait() // the state of the process and the lines say more
	close(exited)
	<-watched
	r.settle(cmd.ProcessState, lines.err)
}

// watch asks the host to end when the context does, and kills it when it does
// not.
func (r *Run) watch(p *os.Process, exited <-chan struct{}) {
	select {
	case <-exited:
		return
	case <-r.ctx.Done():
	}
	_ = interrupt(p) // it may have ended by itself
	patience := time.NewTimer(cmp.Or(r.host.Grace, DefaultGrace))
	defer patience.Stop()
	select {
	case <-exited:
	case <-patience.C:
		_ = kill(p)
	}
}

// line takes one line of the host's standard output.
func (r *Run) line(line []byte) error {
	e, err := DecodeEvent(line)
	if err == nil {
		err = r.take(&e)
	}
	if err != nil {
		r.cancel() // what it says has no meaning any more
		return err
	}
	r.journal.add(&e)
	if r.host.OnEvent != nil {
		r.host.OnEvent(e)
	}
	if r.host.OnProgress != nil && e.Kind == Progressed {
		r.host.OnProgress(e.Node, *e.Progress)
	}
	return nil
}

// take notes what an event says.
func (r *Run) take(e *Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case Hello:
		if e.Protocol != Protocol {
			return fmt.Errorf("the host writes events of protocol %d, and this program reads %d; build it with the SDK of that host", e.Protocol, Protocol)
		}
	case RunStarted:
		if r.plan != nil {
			return errors.New("a second run_started")
		}
		r.plan = e.Plan
		for _, n := range e.Plan.Nodes {
			r.nodes[n.Name] = &nodeState{done: make(chan struct{})}
		}
		close(r.planned)
	case Progressed:
		if s := r.nodes[e.Node]; s != nil {
			s.progress = *e.Progress
		}
	case NodeEnded:
		r.nodes[e.Node].settle(e.Node, e.Result, nil)
	case RunEnded:
		r.report = e.Report
	case Failed:
		r.failure = e.Failure
	}
	return nil
}

// settle gives every future its value, for nothing will come any more.
func (r *Run) settle(state *os.ProcessState, broken error) {
	cause := context.Cause(r.ctx) // of the end that it was told, if any
	r.cleanup()
	r.cancel()
	r.mu.Lock()
	r.err = r.outcome(state, broken, cause)
	if r.plan == nil {
		close(r.planned)
	}
	for name, s := range r.nodes {
		s.settle(name, nil, r.err)
	}
	r.mu.Unlock()
	r.journal.close()
	close(r.done)
}

// outcome is the error of the run; nil when it is ok.
func (r *Run) outcome(state *os.ProcessState, broken, cause error) error {
	switch {
	case broken != nil:
		return broken
	case r.report != nil && r.report.Status == StatusOK:
		return nil
	case r.report != nil:
		return &RunError{Report: r.report, cause: cause}
	case r.failure != nil:
		return &FailureError{Failure: *r.failure, cause: cause}
	case cause != nil:
		return fmt.Errorf("the run was ended before it had a report: %w", cause)
	}
	return &CrashError{ExitCode: state.ExitCode(), State: state.String(), Stderr: r.stderr.String()}
}

// await waits for done, which counts even when ctx has ended, too.
func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cancel ends the run as the end of its context does, and returns at once.
func (r *Run) Cancel() { r.cancel() }

// Done is closed when the run is over: the host has ended.
func (r *Run) Done() <-chan struct{} { return r.done }

// Wait returns the report when the run is over. The error is a *RunError, with
// the report, when the run is not ok; a *FailureError when the host refused it; a
// *CrashError or *ProtocolError when the host did not end as it should; and the
// cause of ctx when that ends first. What a cancelled run returns wraps the cause
// of its context.
func (r *Run) Wait(ctx context.Context) (*Report, error) {
	if err := await(ctx, r.done); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report, r.err
}

// Plan returns what will run, as soon as the host has planned it.
func (r *Run) Plan(ctx context.Context) (*Plan, error) {
	if err := await(ctx, r.planned); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plan == nil {
		return nil, cmp.Or(r.err, errors.New("the run ended without a plan"))
	}
	return r.plan, nil
}

// Events yields every event of the run in order, from the first on, and ends
// with the run or with ctx. It may be called late and often; a follower that
// falls behind sees the last progress of each node only. It does not slow the run
// down.
func (r *Run) Events(ctx context.Context) iter.Seq[Event] { return r.journal.follow(ctx) }
