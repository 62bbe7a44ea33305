// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

type transformServer = grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]

// liar is a plugin that speaks the protocol of the lane by hand.
type liar struct {
	t      *testing.T
	socket *arena.Conn // its end of the data socket
	lane   *arena.Conn
	call   uint32
	stream transformServer
	input  *arena.Memory
	output *arena.Memory
	seen   []arena.Message
}

// serveLiar serves transforms that lie. They begin with the lane in hand.
func serveLiar(t *testing.T, o dataplane.Options, lie func(*liar) error) dataplane.Kernel {
	t.Helper()
	side, err := dataplane.NewSide(dataplane.SideOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(side.Close)
	socket, err := arena.NewConn(side.Child())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	if err := socket.Send(arena.Message{Kind: arena.Hello}); err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pluginv1.RegisterKernelServiceServer(server, &hostile{transform: func(s transformServer) error {
		l := &liar{t: t, socket: socket, stream: s}
		defer l.close()
		if err := l.begin(); err != nil {
			return err
		}
		return lie(l)
	}})
	o.Side = side
	return dataplane.New(connect(t, server), o)
}

// begin takes the opening and the lane.
func (l *liar) begin() error {
	first, err := l.stream.Recv()
	if err != nil {
		return err
	}
	l.call = uint32(first.GetOpen().GetLane())
	m, file, err := l.socket.ReceiveFile()
	for err == nil && m.Kind != arena.Lane {
		m, file, err = l.socket.ReceiveFile()
	}
	if err != nil {
		return err
	}
	l.lane, err = arena.NewConn(file)
	return err
}

func (l *liar) close() {
	if l.lane != nil {
		_ = l.lane.Close()
	}
	for _, m := range []*arena.Memory{l.input, l.output} {
		if m != nil {
			_ = m.Close()
		}
	}
}

// tell tells the columns of the output, and waits for memory.
func (l *liar) tell() error {
	wire, err := table.EncodeSchema(schema)
	if err != nil {
		return err
	}
	if err := l.stream.Send(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Schema{Schema: wire}}); err != nil {
		return err
	}
	return l.until(arena.Output)
}

// until reads the lane up to a message of a kind, unless one was read before.
func (l *liar) until(kind arena.Kind) error {
	for !slices.ContainsFunc(l.seen, func(m arena.Message) bool { return m.Kind == kind }) {
		m, file, err := l.lane.ReceiveFile()
		if err != nil {
			return err
		}
		l.seen = append(l.seen, m)
		switch m.Kind {
		case arena.Output:
			l.output, err = arena.Open(file, int(m.Bytes), true)
		case arena.Input:
			l.input, err = arena.Open(file, int(m.Bytes), false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes a proper batch to the output arena.
func (l *liar) put(rows int) int {
	layout, err := table.NewLayout(schema)
	if err != nil {
		l.t.Error(err)
	}
	n, err := layout.Put(l.output.Bytes(), batch(0, rows), table.PutOptions{})
	if err != nil {
		l.t.Error(err)
	}
	return n
}

func (l *liar) say(m arena.Message) error {
	if m.Call == 0 {
		m.Call = l.call
	}
	return l.lane.Send(m)
}

func (l *liar) result(r *pluginv1.Result) error { return l.stream.Send(result(r)) }

// wait ends with the call.
func (l *liar) wait() error {
	<-l.stream.Context().Done()
	return nil
}

func TestLiesOnALane(t *testing.T) {
	for name, c := range lies {
		t.Run(name, func(t *testing.T) {
			k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
				if err := errors.Join(l.tell(), l.until(arena.End), c.lie(l, l.put(10))); err != nil {
					return err
				}
				if strings.HasPrefix(name, "the result") || strings.HasPrefix(name, "a lane") || strings.HasPrefix(name, "rows that") {
					return nil
				}
				return l.wait()
			})
			_, err := k.Transform(t.Context(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), dataplane.Output{})
			if e, ok := errors.AsType[*dataplane.ProtocolError](err); !ok || !strings.Contains(e.Reason, c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
}

func TestHonestLane(t *testing.T) {
	k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
		return errors.Join(l.tell(), l.until(arena.End), l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(l.put(10)), Rows: 10}),
			l.say(arena.Message{Kind: arena.Done, Seq: 1}), l.say(arena.Message{Kind: arena.End}), l.result(&pluginv1.Result{RowsIn: 10, RowsOut: 10}))
	})
	var h harvest
	if _, err := k.Transform(t.Context(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), h.output()); err != nil || len(h.values) != 10 || h.values[9] != 9 {
		t.Errorf("%v, %v", h.values, err)
	}
}

func TestABatchBeforeItsColumns(t *testing.T) {
	k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
		return errors.Join(l.say(arena.Message{Kind: arena.Batch, Rows: 10}), l.result(&pluginv1.Result{}))
	})
	_, err := k.Transform(t.Context(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), dataplane.Output{})
	if e, ok := errors.AsType[*dataplane.ProtocolError](err); !ok || !strings.Contains(e.Reason, "before its columns") {
		t.Errorf("error %v", err)
	}
}

// TestInputIsReadOnly: a plugin can neither write nor resize what it reads, by any
// of the ways that there are.
func TestInputIsReadOnly(t *testing.T) {
	k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
		if err := l.until(arena.Batch); err != nil {
			return err
		}
		fd, size := int(l.input.File().Fd()), len(l.input.Bytes())
		if _, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
			t.Error("it can be mapped for writing")
		}
		if err := unix.Mprotect(l.input.Bytes()[:4096], unix.PROT_READ|unix.PROT_WRITE); err == nil {
			t.Error("its mapping can be made writable")
		}
		for name, err := range map[string]error{
			"ftruncate": unix.Ftruncate(fd, 4096), "grow": unix.Ftruncate(fd, int64(2*size)),
			"punch": unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096), "write": write(fd),
		} {
			if err == nil {
				t.Errorf("%s is possible", name)
			}
		}
		if again, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDWR, 0); err == nil {
			if write(int(again.Fd())) == nil {
				t.Error("it can be opened again and written")
			}
			_ = again.Close()
		}
		return errors.New("seen")
	})
	_, err := k.Transform(t.Context(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), dataplane.Output{})
	if err == nil || !strings.Contains(err.Error(), "seen") {
		t.Error(err)
	}
}

func write(fd int) error {
	_, err := unix.Pwrite(fd, []byte{1}, 0)
	return err
}

// TestOutputCannotFaultTheHost: an output arena cannot be shrunk, and holes in it
// are zeros.
func TestOutputCannotFaultTheHost(t *testing.T) {
	k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
		if err := errors.Join(l.tell(), l.until(arena.End)); err != nil {
			return err
		}
		n, fd := l.put(10), int(l.output.File().Fd())
		if unix.Ftruncate(fd, 0) == nil {
			t.Error("it can be shrunk")
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err == nil {
			t.Error("it can be sealed")
		}
		if err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, int64(len(l.output.Bytes()))); err != nil {
			return err
		}
		return errors.Join(l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10}), l.wait())
	})
	_, err := k.Transform(t.Context(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), dataplane.Output{})
	if e, ok := errors.AsType[*dataplane.ProtocolError](err); !ok || !strings.Contains(e.Reason, "output batch 1") {
		t.Errorf("error %v", err)
	}
}

// TestChangesUnderTheHost: a plugin that writes a batch while the host reads it
// makes a batch of other values, or one that is refused.
func TestChangesUnderTheHost(t *testing.T) {
	for range 20 {
		k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
			if err := errors.Join(l.tell(), l.until(arena.End)); err != nil {
				return err
			}
			n, stop := l.put(60_000), make(chan struct{})
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
						l.output.Bytes()[i%192] ^= byte(i)
					}
				}
			}()
			defer func() { close(stop); <-stopped }()
			if err := l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 60_000}); err != nil {
				return err
			}
			return l.wait()
		})
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(100*time.Millisecond, cancel)
		_, err := k.Transform(ctx, dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), taking(func(b arrow.RecordBatch) error {
			if b.NumRows() != 60_000 || b.Column(0).Len() != 60_000 {
				t.Errorf("a batch of %d rows", b.NumRows())
			}
			return nil
		}))
		timer.Stop()
		cancel()
		if _, ok := errors.AsType[*dataplane.ProtocolError](err); !ok && !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
}

// TestSilence: a plugin that says nothing, that stops reading, or that closes its
// lane and stays, is cancelled at once.
func TestSilence(t *testing.T) {
	for name, lie := range map[string]func(*liar) error{
		"nothing":      (*liar).wait,
		"closed":       func(l *liar) error { _ = l.lane.Close(); return l.wait() },
		"half a batch": func(l *liar) error { return errors.Join(l.tell(), l.wait()) },
	} {
		k := serveLiar(t, dataplane.Options{}, lie)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		began := time.Now()
		_, err := k.Transform(ctx, dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1000, 60_000, nil), dataplane.Output{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Minute {
			t.Errorf("%s: error %v after %s", name, err, time.Since(began))
		}
	}
}

// TestNothingIsLeft: calls that end in every way leave no descriptor, no mapping
// and no goroutine.
func TestNothingIsLeft(t *testing.T) {
	round := func() {
		t.Run("", func(t *testing.T) {
			for _, c := range lies {
				k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
					return errors.Join(l.tell(), l.until(arena.End), c.lie(l, l.put(10)), errors.New("gone"))
				})
				_, _ = k.Transform(t.Context(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), dataplane.Output{})
			}
			k := share(t, dataplane.Options{}, meanKernel(), hangKernel())
			for range 3 {
				pool := dataplane.NewPool(2)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
				_, _ = k.Transform(ctx, dataplane.Open{Kernel: "hang", Schema: schema, Into: pool}, nil, input(50, 60_000, nil), dataplane.Output{})
				cancel()
				if _, err := k.Transform(t.Context(), dataplane.Open{Kernel: "mean", Schema: schema, Into: pool}, []byte("1"), input(50, 60_000, nil), dataplane.Output{}); err != nil {
					t.Error(err)
				}
				pool.Close()
			}
		})
	}
	round()
	before := open(t)
	round()
	after := open(t)
	for began := time.Now(); time.Since(began) < time.Minute; { // what has ended is taken down in the background
		if after.files <= before.files && after.maps <= before.maps && after.goroutines <= before.goroutines {
			break
		}
		time.Sleep(20 * time.Millisecond)
		after = open(t)
	}
	if after.files > before.files || after.maps > before.maps || after.goroutines > before.goroutines {
		t.Errorf("%+v became %+v", before, after)
	}
}

type holdings struct{ files, maps, goroutines int }

func open(t *testing.T) holdings {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return holdings{len(fds), strings.Count(string(maps), "bulkhead-arena"), runtime.NumGoroutine()}
}
