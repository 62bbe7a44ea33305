// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
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
		"run_failed": {unsafe.Offsetof(r.failed), 48}, "run_errno": {unsafe.Offsetof(r.errno), 56}, "run_pidfd": {unsafe.Offsetof(r.pidfd), 64},
		"op_call": {unsafe.Offsetof(o.Call), 0}, "op_result": {unsafe.Offsetof(o.Result), 4}, "op_args": {unsafe.Offsetof(o.Args), 8},
		"op_skip": {unsafe.Offsetof(o.Skip), 32}, "op_note": {unsafe.Offsetof(o.Note), 36}, "op_size": {unsafe.Sizeof(o), 40},
	} {
		if offsets[0] != offsets[1] {
			t.Errorf("%s is %d in Go and %d in assembly", name, offsets[0], offsets[1])
		}
	}
}

// A launch that hangs before exec is ended with its context.
func TestInterrupt(t *testing.T) {
	p := newProgram()
	forever := p.data(make([]byte, 16))
	p.memory[forever] = 60
	p.call(unix.SYS_NANOSLEEP, p.address(forever), 0)
	r := newRun(p, 0)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	defer context.AfterFunc(ctx, r.interrupt)()
	c, o, err := r.start(p)
	if err != nil || o.failed >= 0 || o.ready {
		t.Fatalf("%+v, %v", o, err)
	}
	if e := c.reap(); e.Signal != unix.SIGKILL {
		t.Errorf("%+v", e)
	}
}
