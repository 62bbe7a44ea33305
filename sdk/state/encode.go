// SPDX-License-Identifier: Apache-2.0

package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

const (
	magic         = "\x89BHS\r\n\x1a\n"
	formatVersion = 1
	alignment     = 64
	preambleBytes = 64
	digestOffset  = 32

	// MaxHeaderBytes bounds the header of a state.
	MaxHeaderBytes = 4 << 20

	maxArrays = 1 << 16
)

// Bytes returns the state. The same calls give the same bytes.
func (w *Writer) Bytes() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	if err := w.Header.check(); err != nil {
		return nil, fmt.Errorf("writing a state of %s: %w", w.Header.Kernel, err)
	}
	entries, size := w.layout()
	header, err := toWire(w.Header, entries).encode()
	if err != nil {
		return nil, fmt.Errorf("writing a state of %s: %w", w.Header.Kernel, err)
	}
	if len(header) > MaxHeaderBytes {
		return nil, fmt.Errorf("writing a state of %s: a header of %d bytes, more than %d; keep large lists in arrays", w.Header.Kernel, len(header), MaxHeaderBytes)
	}
	start := align(preambleBytes + len(header))
	out := make([]byte, start+size)
	copy(out[preambleBytes:], header)
	for i, p := range w.parts {
		p.write(out[start+entries[i].Offset:][:entries[i].Bytes])
	}
	seal(out, len(header))
	return out, nil
}

// State returns the state as a reader would see it.
func (w *Writer) State() (*State, error) {
	data, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	return Decode(data)
}

// layout places the arrays and returns the bytes of all with their padding.
func (w *Writer) layout() (entries []wireArray, size int) {
	for _, p := range w.parts {
		n := p.size
		if p.valid != nil {
			n += bitmapBytes(p.count)
		}
		entries = append(entries, wireArray{Bytes: n, DType: p.dtype, Name: p.name, Nulls: p.valid != nil, Offset: size, Shape: p.shape})
		size = align(size + n)
	}
	return entries, size
}

// bitmapBytes is the length of a bitmap with its padding.
func bitmapBytes(n int) int { return align((n + 7) / 8) }

// write puts an array into zeroed bytes of its length.
func (p *part) write(b []byte) {
	if p.valid != nil {
		writeBitmap(b, p.valid)
		b = b[bitmapBytes(p.count):]
	}
	if p.dtype == UTF8 {
		writeTexts(b, p.texts)
		return
	}
	p.put(b)
	width := p.dtype.width()
	for i, there := range p.valid {
		if !there {
			clear(b[i*width : (i+1)*width])
		}
	}
}

func writeBitmap(b []byte, valid []bool) {
	for i, there := range valid {
		if there {
			b[i/8] |= 1 << (i % 8)
		}
	}
}

func writeTexts(b []byte, texts []string) {
	text := b[8*(len(texts)+1):]
	end := 0
	for i, s := range texts {
		end += copy(text[end:], s)
		binary.LittleEndian.PutUint64(b[8*(i+1):], uint64(end))
	}
}

// seal fills in the preamble.
func seal(out []byte, header int) {
	copy(out, magic)
	binary.LittleEndian.PutUint32(out[8:], formatVersion)
	binary.LittleEndian.PutUint32(out[12:], uint32(header))
	binary.LittleEndian.PutUint64(out[16:], uint64(len(out)))
	sum := digestOf(out)
	copy(out[digestOffset:], sum[:])
}

// digestOf covers everything but the place of the digest.
func digestOf(data []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	_, _ = h.Write(data[:digestOffset])
	_, _ = h.Write(data[preambleBytes:])
	return [sha256.Size]byte(h.Sum(nil))
}
