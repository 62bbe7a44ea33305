// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/internal/attack"
)

// maxOutput bounds what is read of an attacker's outcome.
const maxOutput = 64 << 10

// trial is one attack and what the host saw of it.
type trial struct {
	sandbox sandbox.Report
	output  []byte
	exit    sandbox.Exit
	denials []sandbox.Denial
	took    time.Duration
	limit   time.Duration // of the host's patience
	killed  bool          // by the host, after its patience
	alive   bool          // still, KillTime after it was killed
	seen    string        // what the scene shows; "" when nothing happened
}

// try carries out one attack.
func (s *stage) try(ctx context.Context, a attack.Attack, o *Options) (*trial, error) {
	exe, err := os.Open(s.exe)
	if err != nil {
		return nil, err
	}
	defer exe.Close()
	private, err := os.MkdirTemp(s.dir, "private-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	stdout, stderr, err := twoPipes()
	if err != nil {
		return nil, err
	}
	defer stdout.close()
	defer stderr.close()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	begin := time.Now()
	process, err := sandbox.Launch(ctx, s.spec(a, o, exe, private, stdout.w, stderr.w))
	if err != nil {
		return nil, err
	}
	t := &trial{sandbox: process.Report(), limit: cmp.Or(o.Patience, Patience)}
	go stderr.sip()
	t.watch(ctx, process, stdout)
	t.took = time.Since(begin)
	t.seen = s.damage(filepath.Base(private))
	return t, nil
}

// spec is the sandbox of an attacker: that of any plugin, with a grant to read a
// directory and a second of processor time if nothing else was asked for.
func (s *stage) spec(a attack.Attack, o *Options, exe *os.File, private string, stdout, stderr *os.File) sandbox.Spec {
	limits := o.Limits
	limits.CPUSeconds = cmp.Or(limits.CPUSeconds, 1)
	spec := sandbox.Spec{
		Exe: exe, Args: []string{"attacker", attack.Word, a.Name},
		Env:    []string{attack.SceneEnv + "=" + s.scene.String(), "GOTRACEBACK=none"},
		DirEnv: []string{"HOME", "TMPDIR"}, TargetEnv: attack.RootEnv, PrivateDir: private,
		Stdout: stdout, Stderr: stderr, Binds: []sandbox.Bind{{Source: s.scene.Grant}},
		Floor: o.Floor, Ceiling: o.Ceiling, Without: o.Without, Limits: limits, Identity: o.Identity,
	}
	if s.sealed != nil {
		spec.Inherit = []*os.File{s.sealed}
	}
	return spec
}

// watch waits for the end of an attacker, and brings it about if need be.
func (t *trial) watch(ctx context.Context, p *sandbox.Process, stdout *pipe) {
	output := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(stdout.r, maxOutput))
		output <- text
	}()
	stdout.closeWriter()
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
	case <-time.After(t.limit):
		t.killed = true
		p.Kill()
	}
	select {
	case <-p.Done():
		t.exit = *p.Exit()
	case <-time.After(KillTime):
		t.alive = true
	}
	t.denials = p.Denials()
	select {
	case t.output = <-output:
	case <-time.After(time.Second): // a descendant holds the pipe
		_ = stdout.r.Close()
		t.output = <-output
	}
}

// judge says whether an attack was contained, and by what.
func (t *trial) judge(a attack.Attack) Result {
	r := Result{Name: a.Name, Area: a.Area, Aim: a.Aim, Milliseconds: t.took.Milliseconds()}
	outcome, answered := t.outcome()
	switch {
	case t.alive:
		r.Detail = fmt.Sprintf("still there %v after it was killed", KillTime)
	case t.seen != "":
		r.Detail = t.seen
	case answered && outcome.Hit:
		r.Detail = outcome.Detail
	default:
		r.Contained = true
		r.Wall, r.Detail = t.wall(outcome, answered)
	}
	return r
}

// outcome is what the attacker said of itself.
func (t *trial) outcome() (o attack.Outcome, answered bool) {
	line, _, _ := bytes.Cut(t.output, []byte("\n"))
	return o, len(line) > 0 && json.Unmarshal(line, &o) == nil
}
