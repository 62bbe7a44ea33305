// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// bufferBytes is how much of one direction is in hand at a time.
const bufferBytes = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferBytes]byte) }}

// relay passes bytes between a plugin and a place.
type relay struct {
	plugin *net.UnixConn
	remote net.Conn
	used   *usage
	idle   time.Duration

	moved atomic.Int64 // when bytes moved last, in nanoseconds since began
	began time.Time
}

// run passes bytes until both directions have ended, or one has broken, or ctx
// ends, or nothing moves for too long. Both connections are closed then.
func (r *relay) run(ctx context.Context) {
	r.began = time.Now()
	ended := make(chan bool, 2)
	go func() { ended <- r.pass(r.remote, r.plugin, &r.used.out) && !gone(r.plugin) }()
	go func() { ended <- r.pass(r.plugin, r.remote, &r.used.in) }()
	running := r.watch(ctx, ended)
	_ = r.plugin.Close()
	_ = r.remote.Close()
	for ; running > 0; running-- {
		<-ended
	}
}

// watch waits until there is a reason to close the connections. It returns how
// many directions have not ended yet.
func (r *relay) watch(ctx context.Context, ended <-chan bool) (running int) {
	idle := time.NewTimer(r.idle)
	defer idle.Stop()
	for running = 2; running > 0; {
		select {
		case well := <-ended:
			running--
			if !well {
				return running
			}
		case <-idle.C:
			left := r.idle - r.quiet()
			if left <= 0 {
				return running
			}
			idle.Reset(left)
		case <-ctx.Done():
			return running
		}
	}
	return running
}

// quiet is how long nothing has moved.
func (r *relay) quiet() time.Duration {
	return time.Since(r.began) - time.Duration(r.moved.Load())
}

// pass copies one direction to its end, and ends that direction of dst with it.
// It reports whether all went well.
func (r *relay) pass(dst, src net.Conn, count *atomic.Uint64) bool {
	buf := buffers.Get().(*[bufferBytes]byte)
	defer buffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			r.moved.Store(int64(time.Since(r.began)))
			sent, err := dst.Write(buf[:n])
			count.Add(uint64(sent))
			r.moved.Store(int64(time.Since(r.began)))
			if err != nil {
				return false
			}
		}
		if err != nil {
			return errors.Is(err, io.EOF) && closeWrite(dst) == nil
		}
	}
}

// closeWrite tells a far end that no more will come.
func closeWrite(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
