// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// A peer of HTTP/2 may send frames that nothing comes of (pings, settings, window
// updates, a byte of data at a time, padding and data on streams that have ended, for
// which it is given the window back), each of which costs the host more than the
// peer. A connection gets as many as its calls need and some more a second, and
// is read no faster than that.

const (
	frameRate  = 5_000  // idle frames a second
	frameBurst = 20_000 // idle frames at once

	smallFrame   = 64      // bytes of payload below which a frame is idle: the host keeps some hundred for each
	idlePayload  = 1 << 10 // bytes of payload, not of data that is awaited, that count as a frame
	callFrames   = 8       // what one call of the host is answered with at most
	dataFrames   = 4       // what one frame of the host's data is answered with at most
	windowUpdate = 4 << 10 // bytes of the host's data for which it may hear of the window
)

// Types of frames, RFC 9113 section 6.
const (
	frameData    = 0x0
	frameHeaders = 0x1
	frameReset   = 0x3

	flagEndStream = 0x1
	flagPadded    = 0x8

	frameHeader = 9 // bytes before a frame's payload
)

// preface is how many bytes a client sends before its first frame.
const preface = len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// pacedConn is a client's connection over which idle frames come at a bounded rate.
type pacedConn struct {
	net.Conn
	in, out frameReader
	flooded func() // called once, when the peer is first slowed down
	once    sync.Once
	closing sync.Once
	closed  chan struct{}

	mu      sync.Mutex
	credit  float64
	filled  time.Time
	streams map[uint32]bool // that the peer may send data on
}

func newPacedConn(conn net.Conn, flooded func()) *pacedConn {
	c := &pacedConn{
		Conn: conn, flooded: flooded, closed: make(chan struct{}),
		credit: frameBurst, filled: time.Now(), streams: map[uint32]bool{},
	}
	c.out.skip = preface
	return c
}

// Read waits until the idle frames that it returns are due.
func (c *pacedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	idle := 0
	c.mu.Lock()
	c.in.read(b[:n], func(f frameHead) { idle += c.received(f) })
	c.mu.Unlock()
	c.spend(idle)
	return n, err
}

// received is what a frame of the peer costs. The lock is held.
func (c *pacedConn) received(f frameHead) (idle int) {
	switch {
	case f.kind != frameData, !c.streams[f.stream]:
		idle = 1 + f.size/idlePayload
	case f.size < smallFrame, f.flags&flagPadded != 0:
		idle = 1
	}
	if f.kind == frameReset || f.kind <= frameHeaders && f.flags&flagEndStream != 0 {
		delete(c.streams, f.stream)
	}
	return idle
}

// Write earns the frames that answer what is written.
func (c *pacedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.out.read(b, func(f frameHead) { c.credit += c.sent(f) })
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// sent is what a frame of the host may be answered with. The lock is held.
func (c *pacedConn) sent(f frameHead) (earned float64) {
	switch f.kind {
	case frameHeaders:
		c.streams[f.stream] = true
		return callFrames
	case frameReset:
		delete(c.streams, f.stream)
	case frameData:
		return float64(dataFrames + f.size/windowUpdate)
	}
	return 0
}

// spend takes n frames off the credit and waits while there is none.
func (c *pacedConn) spend(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	now := time.Now()
	// What calls have earned above the burst is kept for their answers.
	if c.credit < frameBurst {
		c.credit = min(frameBurst, c.credit+frameRate*now.Sub(c.filled).Seconds())
	}
	c.filled = now
	c.credit -= float64(n)
	debt := -c.credit
	c.mu.Unlock()
	if debt <= 0 {
		return
	}
	c.once.Do(c.flooded)
	select {
	case <-time.After(time.Duration(debt / frameRate * float64(time.Second))):
	case <-c.closed:
	}
}

// Close wakes a Read that waits, after which nothing more can be read.
func (c *pacedConn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() { close(c.closed) })
	return err
}

// frameHead is what the header of a frame says.
type frameHead struct {
	kind, flags byte
	stream      uint32
	size        int // bytes of payload
}

// frameReader finds the frames in a stream of bytes. It is not safe for
// concurrent use.
type frameReader struct {
	skip   int // bytes until the next header
	header [frameHeader]byte
	have   int // bytes of the header
}

// read tells found of each frame whose header is complete.
func (r *frameReader) read(b []byte, found func(frameHead)) {
	for len(b) > 0 {
		if r.skip > 0 {
			n := min(r.skip, len(b))
			r.skip -= n
			b = b[n:]
			continue
		}
		n := copy(r.header[r.have:], b)
		r.have += n
		b = b[n:]
		if r.have == frameHeader {
			r.have = 0
			r.skip = int(binary.BigEndian.Uint32(r.header[:]) >> 8)
			const reserved = 1 << 31
			found(frameHead{r.header[3], r.header[4], binary.BigEndian.Uint32(r.header[5:]) &^ reserved, r.skip})
		}
	}
}
