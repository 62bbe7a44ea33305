// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// executors carry a program out and wait for its end. The raw one is added where
// it exists.
var executors = map[string]func(*testing.T, *program, operand) (*outcome, *Exit){
	"shim": func(t *testing.T, p *program, socket operand) (*outcome, *Exit) {
		pair, err := socketPair()
		if err != nil {
			t.Fatal(err)
		}
		defer pair[0].Close()
		i := slices.Index(p.cells, socket)
		p.files[i] = pair[1]
		c, err := startShim(p, socket, 0)
		_ = pair[1].Close()
		if err != nil {
			t.Fatal(err)
		}
		m := readMail(pair[0])
		return &outcome{failed: m.failed, errno: m.errno, notes: m.notes, ready: m.ready}, c.reap()
	},
}

// TestMachine runs programs by both executors: they must end at the same op, with
// the same errno and the same notes, and have done the same.
func TestMachine(t *testing.T) {
	for name, tt := range map[string]struct {
		build  func(*program, operand)
		failed int
		errno  unix.Errno
		wrote  string
	}{
		"an error ends it": {func(p *program, out operand) {
			p.call(unix.SYS_WRITE, out, "one", 3)
			p.call(unix.SYS_CLOSE, 1<<30)
			p.call(unix.SYS_WRITE, out, "two", 3)
		}, 1, unix.EBADF, "one"},
		"an error leaves ops out": {func(p *program, out operand) {
			r := p.call(unix.SYS_CLOSE, 1<<30)
			p.call(unix.SYS_WRITE, out, "one", 3)
			p.call(unix.SYS_WRITE, out, "two", 3)
			r.otherwiseHere()
			p.call(unix.SYS_WRITE, out, "three", 5)
			p.equal(cellZero, p.value(1), unix.EXFULL)
		}, 4, unix.EXFULL, "three"},
		"an error is ignored": {func(p *program, out operand) {
			p.call(unix.SYS_CLOSE, 1<<30).ignored()
			p.call(unix.SYS_WRITE, out, "one", 3)
			p.equal(cellZero, p.value(1), unix.EXFULL)
		}, 2, unix.EXFULL, "one"},
		"a result is an argument": {func(p *program, out operand) {
			fd := p.cell()
			p.call(unix.SYS_FCNTL, out, unix.F_DUPFD, 100).into(fd)
			p.call(unix.SYS_WRITE, fd, "one", 3)
			p.equal(fd, p.value(100), unix.EXFULL)
			p.equal(fd, cellZero, unix.EXFULL)
		}, 3, unix.EXFULL, "one"},
		"a result is a field": {func(p *program, out operand) {
			text := p.data([]byte("....abcd"))
			p.call(unix.SYS_FCNTL, out, unix.F_DUPFD, 100).into(text + 4)
			p.call(unix.SYS_WRITE, out, p.address(text), 8)
			p.equal(cellZero, p.value(1), unix.EXFULL)
		}, 2, unix.EXFULL, "....d\x00\x00\x00"},
		"a jump": {func(p *program, out operand) {
			r := p.jump()
			p.call(unix.SYS_WRITE, out, "one", 3)
			r.otherwiseHere()
			p.call(unix.SYS_WRITE, out, "two", 3)
			p.call(unix.SYS_EXECVEAT, 1<<30, "", 0, 0, unix.AT_EMPTY_PATH)
		}, 3, unix.EFAULT, "two"},
	} {
		for executor, execute := range executors {
			t.Run(name+"/"+executor, func(t *testing.T) {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				p := newProgram()
				out, socket := p.file(w), p.file(w)
				tt.build(p, out)
				o, exit := execute(t, p, socket)
				_ = w.Close()
				text, _ := io.ReadAll(r)
				if o.failed != tt.failed || name != "a jump" && o.errno != tt.errno || !bytes.HasPrefix(text, []byte(tt.wrote)) || len(text) != len(tt.wrote) {
					t.Errorf("op %d, %v, wrote %q; want op %d, %v, %q", o.failed, o.errno, text, tt.failed, tt.errno, tt.wrote)
				}
				if exit.Code != shimExit {
					t.Errorf("exit %+v", exit)
				}
			})
		}
	}
}

// Notes and the mark before exec reach the host by both executors.
func TestMachineNotes(t *testing.T) {
	for executor, execute := range executors {
		t.Run(executor, func(t *testing.T) {
			null := nullDevice()
			p := newProgram()
			socket := p.file(null)
			a, b := p.cell(), p.cell()
			p.call(unix.SYS_CLOSE, 1<<30).ignored().noted(a)
			p.equal(cellZero, cellZero, unix.EXFULL).noted(b)
			p.call(unix.SYS_GETPID).into(cellReached)
			p.call(unix.SYS_CHDIR, "/nowhere/at/all")
			o, _ := execute(t, p, socket)
			if o.note(a) != unix.EBADF || o.note(b) != 0 || !o.ready || o.failed != 3 || o.errno != unix.ENOENT {
				t.Errorf("%+v", o)
			}
		})
	}
}

// Launches while the collector runs all the time and stacks move.
func TestMachineUnderCollection(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	stop := make(chan struct{})
	var noise sync.WaitGroup
	for range 4 {
		noise.Add(1)
		go func() {
			defer noise.Done()
			for deep(40) >= 0 {
				select {
				case <-stop:
					return
				default:
					runtime.GC()
				}
			}
		}()
	}
	var launches sync.WaitGroup
	for range 4 {
		launches.Add(1)
		go func() {
			defer launches.Done()
			for range 10 {
				if exit, _ := die(t, "nothing:", spaced); exit.Code != 0 {
					t.Errorf("%+v", exit)
				}
			}
		}()
	}
	launches.Wait()
	close(stop)
	noise.Wait()
}

// deep makes a stack grow.
func deep(n int) int {
	var room [512]byte
	if n == 0 {
		return int(room[0])
	}
	return deep(n-1) + int(room[n])
}

func TestOperandsOfOtherTypes(t *testing.T) {
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "float64") {
			t.Errorf("got %q", text)
		}
	}()
	newProgram().call(unix.SYS_CLOSE, 1.5)
}

// FuzzReadProgram feeds a shim with what no host sends: it must refuse and not
// read or write outside of its memory.
func FuzzReadProgram(f *testing.F) {
	var image bytes.Buffer
	p := newProgram()
	p.call(unix.SYS_CLOSE, "text", 7)
	h := []header{{shimMagic, uint32(len(p.ops)), uint32(len(p.memory) / 8), uint32(len(p.pointers)), 0}}
	for _, part := range [][]byte{bytesOf(h), bytesOf(p.ops), p.memory, bytesOf(p.pointers)} {
		image.Write(part)
	}
	f.Add(image.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := readProgram(bytes.NewReader(text))
		if err != nil {
			return
		}
		end := operand(8 * len(s.memory))
		for _, o := range s.ops {
			if o.Result+4 > end || o.Note+4 > end || slices.Max(o.Args[:])+8 > end {
				t.Fatalf("%+v reaches over %d", o, end)
			}
		}
	})
}
