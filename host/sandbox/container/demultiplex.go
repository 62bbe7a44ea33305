// SPDX-License-Identifier: Apache-2.0

package container

import (
	"encoding/binary"
	"fmt"
	"io"
)

// demultiplex copies what a container printed to its two streams, until the end.
// The engine sends frames: one byte for the stream (1 output, 2 errors), three of
// nothing, the length in four bytes, big-endian, and then the bytes. A stream
// that nobody reads any more does not stop the other one.
func demultiplex(from io.Reader, stdout, stderr io.Writer) error {
	var header [8]byte
	for {
		if _, err := io.ReadFull(from, header[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a frame of output: %w", err)
		}
		var to io.Writer
		switch header[0] {
		case 1:
			to = stdout
		case 2:
			to = stderr
		default:
			return fmt.Errorf("the engine sent a frame for stream %d, which is neither output nor errors", header[0])
		}
		if err := copyFrame(to, from, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return err
		}
	}
}

// copyFrame moves one frame. Only the reader's failures count.
func copyFrame(to io.Writer, from io.Reader, length int64) error {
	frame := &io.LimitedReader{R: from, N: length}
	if to == nil {
		to = io.Discard
	}
	_, _ = io.Copy(to, frame)
	if _, err := io.Copy(io.Discard, frame); err != nil {
		return fmt.Errorf("reading a frame of output: %w", err)
	}
	if frame.N > 0 {
		return fmt.Errorf("reading a frame of output: %w", io.ErrUnexpectedEOF)
	}
	return nil
}
