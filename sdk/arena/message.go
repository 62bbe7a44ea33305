// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind says what a message is.
type Kind uint8

// The kinds of messages; see the package doc.
const (
	Hello  Kind = 1
	Lane   Kind = 2
	File   Kind = 3
	Drop   Kind = 4
	Input  Kind = 5
	Output Kind = 6
	Batch  Kind = 7
	End    Kind = 8
	Free   Kind = 9
	Done   Kind = 10

	HelloFiles Kind = 11
)

// Origins says how a message tells the origins of rows.
type Origins uint8

// The forms of origins.
const (
	NoOrigins   Origins = 0
	Consecutive Origins = 1
	Listed      Origins = 2
)

// MessageBytes is the size of a message.
const MessageBytes = 64

// ErrMessage means that what was received is no message.
var ErrMessage = errors.New("not a message of the data plane")

// Message is one message; see the package doc.
type Message struct {
	Kind    Kind
	Origins Origins
	Index   uint32
	Call    uint32
	Seq     uint64
	At      uint64
	Bytes   uint64
	Rows    uint64
	Origin  uint64
	Same    uint64
}

// Encode writes a message to the start of to.
func (m *Message) Encode(to *[MessageBytes]byte) {
	*to = [MessageBytes]byte{0: byte(m.Kind), 1: byte(m.Origins)}
	binary.LittleEndian.PutUint32(to[4:], m.Index)
	binary.LittleEndian.PutUint32(to[8:], m.Call)
	for i, v := range [...]uint64{m.Seq, m.At, m.Bytes, m.Rows, m.Origin, m.Same} {
		binary.LittleEndian.PutUint64(to[16+8*i:], v)
	}
}

// Decode reads a message. It fails with ErrMessage; what the numbers mean is not
// checked.
func Decode(from []byte) (Message, error) {
	if len(from) != MessageBytes {
		return Message{}, fmt.Errorf("%w: %d bytes, and it has %d", ErrMessage, len(from), MessageBytes)
	}
	number := func(i int) uint64 { return binary.LittleEndian.Uint64(from[16+8*i:]) }
	m := Message{
		Kind: Kind(from[0]), Origins: Origins(from[1]),
		Index: binary.LittleEndian.Uint32(from[4:]), Call: binary.LittleEndian.Uint32(from[8:]),
		Seq: number(0), At: number(1), Bytes: number(2), Rows: number(3), Origin: number(4), Same: number(5),
	}
	if m.Kind < Hello || m.Kind > HelloFiles || m.Origins > Listed {
		return Message{}, fmt.Errorf("%w: kind %d with origins %d", ErrMessage, from[0], from[1])
	}
	if from[2] != 0 || from[3] != 0 || binary.LittleEndian.Uint32(from[12:]) != 0 {
		return Message{}, fmt.Errorf("%w: bytes that are to be 0 are not", ErrMessage)
	}
	return m, nil
}
