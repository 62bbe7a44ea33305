// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

func h2frame(kind byte, size int) []byte {
	out := make([]byte, frameHeader+size)
	binary.BigEndian.PutUint32(out, uint32(size)<<8|uint32(kind))
	return out
}

// Frames are found wherever the stream is cut.
func TestFrameReader(t *testing.T) {
	stream := make([]byte, preface)
	want := []int{0, 0, 5, 17, 0, 1 << 14, 1, 70_000}
	for _, size := range want {
		stream = append(stream, h2frame(frameData, size)...)
	}
	for _, piece := range []int{1, 2, 7, 9, 10, 1000, len(stream)} {
		r, got := frameReader{skip: preface}, []int{}
		for part := range slices.Chunk(stream, piece) {
			r.read(part, func(f frameHead) { got = append(got, f.size) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %v", piece, got)
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add(append(h2frame(frameHeaders, 3), h2frame(frameData, 9)...), 4)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		cut = max(0, min(cut, len(data)))
		var whole, parts []int
		var a, b frameReader
		a.read(data, func(f frameHead) { whole = append(whole, f.size) })
		b.read(data[:cut], func(f frameHead) { parts = append(parts, f.size) })
		b.read(data[cut:], func(f frameHead) { parts = append(parts, f.size) })
		if !slices.Equal(whole, parts) || a.skip != b.skip || a.have != b.have {
			t.Errorf("%v and %v", whole, parts)
		}
	})
}

// pump sends a block for as long as somebody reads, and counts.
func pump(t *testing.T, block []byte) (conn *pacedConn, flooded chan struct{}) {
	t.Helper()
	host, peer := net.Pipe()
	t.Cleanup(func() { _ = peer.Close(); _ = host.Close() })
	go func() {
		for {
			if _, err := peer.Write(block); err != nil {
				return
			}
		}
	}()
	flooded = make(chan struct{})
	return newPacedConn(host, func() { close(flooded) }), flooded
}

// Idle frames come at their rate, data as fast as it may.
func TestIdleFramesAreSlowedDown(t *testing.T) {
	const ping = 6
	padding := h2frame(frameData, 256)
	padding[4] = flagPadded
	for name, frame := range map[string][]byte{"pings": h2frame(ping, 8), "padding": padding, "a little data": h2frame(frameData, 16), "stray data": h2frame(frameData, 1000)} {
		t.Run(name, func(t *testing.T) { slowedDown(t, frame) })
	}
}

func slowedDown(t *testing.T, frame []byte) {
	t.Helper()
	begin := time.Now()
	conn, flooded := pump(t, bytes.Repeat(frame, 1000))
	read := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, conn)
		read <- n
	}()
	if !within(flooded, bound) {
		t.Fatal("nobody was told")
	}
	time.Sleep(300 * time.Millisecond)
	_ = conn.Close() // which wakes a read that waits
	n := float64(<-read) / float64(len(frame))
	if due := frameBurst + frameRate*time.Since(begin).Seconds(); n > due+frameBurst {
		t.Errorf("%.0f frames, of which %.0f were due", n, due)
	}
}

func TestDataIsNotSlowedDown(t *testing.T) {
	conn, flooded := pump(t, bytes.Repeat(h2frame(frameData, 100), 1000))
	conn.streams[0] = true
	begin := time.Now()
	if _, err := io.CopyN(io.Discard, conn, 20*frameBurst*109); err != nil {
		t.Fatal(err)
	}
	select {
	case <-flooded:
		t.Errorf("slowed down: %v", time.Since(begin))
	default:
	}
}

// Every call earns what it is answered with, for as many calls as there are.
func TestCallsEarnTheirFrames(t *testing.T) {
	host, peer := net.Pipe()
	defer host.Close()
	defer peer.Close()
	conn := newPacedConn(host, func() { t.Error("slowed down") })
	answer := slices.Concat(h2frame(frameHeaders, 14), h2frame(frameData, 7), h2frame(frameHeaders, 20), h2frame(8, 4), h2frame(6, 8))
	go func() {
		buffer := make([]byte, 1024)
		for {
			if _, err := peer.Read(buffer); err != nil {
				return
			}
			if _, err := peer.Write(answer); err != nil {
				return
			}
		}
	}()
	conn.out.skip = 0
	call := append(h2frame(frameHeaders, 50), h2frame(frameData, 7)...)
	for range 2 * frameBurst {
		if _, err := conn.Write(call); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, len(answer))); err != nil {
			t.Fatal(err)
		}
	}
}

// Data is welcome on streams that the host has begun and that nobody has ended.
func TestStreamsAreFollowed(t *testing.T) {
	const stream = 5
	frame := func(kind, flags byte) frameHead { return frameHead{kind, flags, stream, 1000} }
	conn := newPacedConn(nil, nil)
	for i, step := range []struct {
		ours  bool
		frame frameHead
		idle  int // that data costs then
	}{
		{true, frame(frameHeaders, 0), 0},
		{false, frame(frameHeaders, 0), 0},
		{true, frame(frameData, flagEndStream), 0}, // the host's half
		{false, frame(frameData, 0), 0},
		{false, frame(frameData, flagEndStream), 1},
		{true, frame(frameHeaders, 0), 0},
		{false, frame(frameHeaders, flagEndStream), 1},
		{true, frame(frameHeaders, 0), 0},
		{true, frame(frameReset, 0), 1},
		{true, frame(frameHeaders, 0), 0},
		{false, frame(frameReset, 0), 1},
	} {
		if step.ours {
			conn.sent(step.frame)
		} else {
			conn.received(step.frame)
		}
		if got := conn.received(frame(frameData, 0)); got != step.idle {
			t.Errorf("step %d: data costs %d, want %d", i, got, step.idle)
		}
	}
	if len(conn.streams) > 0 {
		t.Errorf("streams are kept: %v", conn.streams)
	}
}
