// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"time"
)

// Frames of HTTP/2, RFC 9113 section 6.
const (
	frameData     = 0x0
	frameHeaders  = 0x1
	framePriority = 0x2
	frameReset    = 0x3
	frameSettings = 0x4
	framePush     = 0x5
	framePing     = 0x6
	frameGoAway   = 0x7
	frameWindow   = 0x8
	frameContinue = 0x9
	frameStrange  = 0xfa

	flagEndHeaders = 0x4
	flagAck        = 0x1
	flagEndStream  = 0x1
	flagPadded     = 0x8

	settingStreams = 0x3
	settingWindow  = 0x4
	settingHeaders = 0x6
)

// okHeaders are ":status: 200" and "content-type: application/grpc", RFC 7541.
var okHeaders = append([]byte{0x88, 0x5f, 0x10}, "application/grpc"...)

// frame is one frame.
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	out := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(out, uint32(len(payload))<<8|uint32(kind))
	out[4] = flags
	binary.BigEndian.PutUint32(out[5:], stream)
	return append(out, payload...)
}

// frameLie is how a server without gRPC treats a connection. first is sent at
// once, each for every stream, and endless, when there is any, without end after
// the first stream began.
type frameLie struct {
	plain    bool // first is all there is
	settings []byte
	first    []byte
	close    bool
	each     func(c net.Conn, stream uint32)
	endless  []byte
}

func setting(id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, id), value)
}

// many is a block of equal frames, so that a flood is not bound by its writes.
func many(one []byte) []byte { return bytes.Repeat(one, 64<<10/len(one)+1) }

var frameLies = map[string]frameLie{
	"not-http2":      {plain: true, first: []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
	"goaway":         {first: frame(frameGoAway, 0, 0, make([]byte, 8)), close: true},
	"resets":         {each: func(c net.Conn, s uint32) { _, _ = c.Write(frame(frameReset, 0, s, []byte{0, 0, 0, 7})) }},
	"no-window":      {settings: setting(settingWindow, 0)},
	"dribble":        {each: dribble},
	"ping-flood":     {endless: many(frame(framePing, 0, 0, make([]byte, 8)))},
	"settings-flood": {endless: many(frame(frameSettings, 0, 0, setting(settingWindow, 65535)))},
	"window-flood":   {endless: many(frame(frameWindow, 0, 1, []byte{0, 0, 0, 1}))},
	"push-flood":     {endless: many(frame(framePush, flagEndHeaders, 1, append([]byte{0, 0, 0, 2}, okHeaders...)))},
	"headers-flood":  {first: frame(frameHeaders, 0, 1, okHeaders), endless: many(frame(frameContinue, 0, 1, append([]byte{0x00, 0x01, 'x', 0x7f, 0x81, 0x07}, bytes.Repeat([]byte("y"), 262)...)))},
	"padding-flood":  {first: frame(frameHeaders, flagEndHeaders, 1, okHeaders), endless: many(padded(1, nil))},
	"padded-dribble": {first: append(frame(frameHeaders, flagEndHeaders, 1, okHeaders), frame(frameData, 0, 1, []byte{0, 0, 0xff, 0, 0})...), endless: many(padded(1, []byte{0}))},
	"small-frames":   {first: append(frame(frameHeaders, flagEndHeaders, 1, okHeaders), frame(frameData, 0, 1, []byte{0, 0, 0xff, 0, 0})...), endless: many(frame(frameData, 0, 1, make([]byte, 16)))},
	"stray-data":     {endless: many(frame(frameData, 0, 999, make([]byte, 16<<10)))},
	"strange-flood":  {endless: many(frame(frameStrange, 0, 0, nil))},
	"priority-flood": {endless: many(frame(framePriority, 0, 1, make([]byte, 5)))},
	"hundred-flood":  {endless: many(frame(frameHeaders, flagEndHeaders, 1, literal(":status", "103")))},
	"no-streams":     {settings: setting(settingStreams, 0)},
	"no-headers":     {settings: setting(settingHeaders, 0)},
	"header-bomb":    {first: headerBomb(), endless: many(frame(framePing, 0, 0, make([]byte, 8)))},
	"bad-header":     {each: answer(okHeaders, literal("x", "a\r\nb\x00"), literal("UPPER", "x"))},
	"long-frame":     {each: func(c net.Conn, s uint32) { _, _ = c.Write(frame(frameData, 0, s, make([]byte, 1<<20))) }},
	"window-overflow": {first: bytes.Repeat(frame(frameWindow, 0, 0, []byte{0x7f, 0xff, 0xff, 0xff}), 16),
		each: func(c net.Conn, s uint32) { _, _ = c.Write(frame(frameWindow, 0, s, []byte{0x7f, 0xff, 0xff, 0xff})) }},
	"web-page": {each: func(c net.Conn, s uint32) {
		_, _ = c.Write(frame(frameHeaders, flagEndHeaders, s, append([]byte{0x88}, literal("content-type", "text/html"+escape)...)))
		_, _ = c.Write(frame(frameData, flagEndStream, s, []byte("<h1>"+escape)))
	}},
	"bad-details": {each: answer(okHeaders, literal("grpc-status", "2"), literal("grpc-message", "%1b[2J%0aall is well"), literal("grpc-status-details-bin", "Cg////8"))},
	"compressed": {each: func(c net.Conn, s uint32) {
		_, _ = c.Write(frame(frameHeaders, flagEndHeaders, s, append(okHeaders[:len(okHeaders):len(okHeaders)], literal("grpc-encoding", "gzip")...)))
		_, _ = c.Write(frame(frameData, 0, s, []byte{1, 0, 0, 0, 4, 0x1f, 0x8b, 8, 0}))
	}},
}

// padded is data with as much padding as there can be.
func padded(stream uint32, data []byte) []byte {
	return frame(frameData, flagPadded, stream, append(append([]byte{255}, data...), make([]byte, 255)...))
}

// literal is a header that no table keeps, RFC 7541 section 6.2.2.
func literal(name, value string) []byte {
	out := append([]byte{0, byte(len(name))}, name...)
	return append(append(out, byte(len(value))), value...)
}

// answer ends a stream with headers.
func answer(blocks ...[]byte) func(net.Conn, uint32) {
	return func(c net.Conn, s uint32) {
		_, _ = c.Write(frame(frameHeaders, flagEndHeaders|flagEndStream, s, bytes.Join(blocks, nil)))
	}
}

// headerBomb is a header of four kilobytes that the table keeps, and 12,000 times
// its number there.
func headerBomb() []byte {
	block := append([]byte{0x40, 1, 'x', 0x7f, 0x81, 0x1e}, bytes.Repeat([]byte("y"), 127+1+30*128)...)
	block = append(block, bytes.Repeat([]byte{0x80 | 62}, 12000)...)
	return frame(frameHeaders, flagEndHeaders, 1, append(okHeaders[:len(okHeaders):len(okHeaders)], block...))
}

// dribble announces a message of 16 MiB and sends it a byte at a time.
func dribble(c net.Conn, stream uint32) {
	_, _ = c.Write(frame(frameHeaders, flagEndHeaders, stream, okHeaders))
	_, _ = c.Write(frame(frameData, 0, stream, []byte{0, 1, 0, 0, 0}))
	for {
		if _, err := c.Write(frame(frameData, 0, stream, []byte{0})); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// serveFrames never returns.
func serveFrames(lie frameLie) {
	l := listen()
	go accept(l, lie.serve)
	hello()
	time.Sleep(patience)
}

func (lie frameLie) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	if lie.plain {
		_, _ = c.Write(lie.first)
		_, _ = io.Copy(io.Discard, c)
		return
	}
	in := bufio.NewReader(c)
	_, _ = io.ReadFull(in, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	_, _ = c.Write(frame(frameSettings, 0, 0, lie.settings))
	if lie.close {
		_, _ = c.Write(lie.first)
		return
	}
	started := false
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		size := int64(binary.BigEndian.Uint32(head) >> 8)
		if _, err := io.CopyN(io.Discard, in, size); err != nil {
			return
		}
		switch {
		case head[3] == frameSettings && head[4]&flagAck == 0:
			_, _ = c.Write(frame(frameSettings, flagAck, 0, nil))
		case head[3] == frameHeaders:
			started = lie.stream(c, binary.BigEndian.Uint32(head[5:]), started)
		}
	}
}

// stream treats a stream that the host began.
func (lie frameLie) stream(c net.Conn, id uint32, started bool) bool {
	if lie.each != nil {
		go lie.each(c, id)
	}
	if lie.endless != nil && !started {
		go func() {
			_, _ = c.Write(lie.first)
			for {
				if _, err := c.Write(lie.endless); err != nil {
					return
				}
			}
		}()
	}
	return true
}
