// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	executors["raw"] = func(t *testing.T, p *program, _ operand) (*outcome, *Exit) {
		c, o, err := newRun(p, 0).start(p)
		if err != nil {
			t.Fatal(err)
		}
		return o, c.reap()
	}
}

// The assembly has these numbers in it.
func TestLayout(t *testing.T) {
	var r run
	var o op
	for name, offsets := range map[string][2]uintptr{
		"run_flags": {unsafe.Offsetof(r.flags), 0}, "run_ops": {unsafe.Offsetof(r.ops), 8}, "run_memory": {unsafe.Offsetof(r.memory), 16},
		"run_block": {unsafe.Offsetof(r.block), 24}, "run_restore": {unsafe.Offsetof(r.restore), 32}, "run_pid": {unsafe.Offsetof(r.pid), 40},
		"run_failed": {unsafe.Offsetof(r.failed), 48}, "run_errno": {unsafe.Offsetof(r.errno), 56}, "run_pidfd": {unsafe.Offsetof(r.pidfd), 64}, "run_cut": {unsafe.Offsetof(r.cut), 72},
		"op_call": {unsafe.Offsetof(o.Call), 0}, "op_result": {unsafe.Offsetof(o.Result), 4}, "op_args": {unsafe.Offsetof(o.Args), 8},
		"op_skip": {unsafe.Offsetof(o.Skip), 32}, "op_note": {unsafe.Offsetof(o.Note), 36}, "op_size": {unsafe.Sizeof(o), 40},
	} {
		if offsets[0] != offsets[1] {
			t.Errorf("%s is %d in Go and %d in assembly", name, offsets[0], offsets[1])
		}
	}
}

// A launch that hangs before exec is ended with its context, and one whose context
// ended before the clone does not begin.
func TestInterrupt(t *testing.T) {
	r, p := sleeping()
	go func() {
		for r.pidfd.Load() < 0 {
			time.Sleep(time.Millisecond)
		}
		r.interrupt()
	}()
	c, o, err := r.start(p)
	if err != nil || o.ready {
		t.Fatalf("%+v, %v", o, err)
	}
	if e := c.reap(); e.Signal != unix.SIGKILL && o.errno != unix.ECANCELED {
		t.Errorf("%+v, %+v", e, o)
	}

	r, p = sleeping()
	r.interrupt()
	c, o, err = r.start(p)
	if err != nil || o.failed != 0 || o.errno != unix.ECANCELED {
		t.Fatalf("%+v, %v", o, err)
	}
	if e := c.reap(); e.Code != 126 {
		t.Errorf("%+v", e)
	}
}

// sleeping is a launch that does not come to an end.
func sleeping() (*run, *program) {
	p := newProgram()
	day := p.data(make([]byte, 16))
	p.memory[day+2] = 1 // 65,536 seconds
	p.call(unix.SYS_NANOSLEEP, p.address(day), 0)
	return newRun(p, 0), p
}
