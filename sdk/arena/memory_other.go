// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package arena

import (
	"errors"
	"os"
)

// Supported reports whether this system has arenas.
const Supported = false

// Writer says who writes an arena.
type Writer bool

// Who writes an arena: its maker alone, or whoever gets it as well.
const (
	MakerWrites  Writer = false
	ReaderWrites Writer = true
)

// Memory is an arena mapped into this process.
type Memory struct{}

// Make fails with errors.ErrUnsupported.
func Make(int, Writer) (*Memory, error) { return nil, errors.ErrUnsupported }

// Open closes file and fails with errors.ErrUnsupported.
func Open(file *os.File, _ int, _ bool) (*Memory, error) {
	return nil, errors.Join(errors.ErrUnsupported, file.Close())
}

// Bytes of the arena.
func (*Memory) Bytes() []byte { return nil }

// File to send to the other side.
func (*Memory) File() *os.File { return nil }

// Ready does nothing.
func (*Memory) Ready(int) {}

// Close does nothing.
func (*Memory) Close() error { return nil }
