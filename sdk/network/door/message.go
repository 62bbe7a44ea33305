// SPDX-License-Identifier: Apache-2.0

package door

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	requestHeader = 9
	replyHeader   = 8
	kindConnect   = 1
)

// ErrMalformed means bytes that are no message of the protocol.
var ErrMalformed = errors.New("malformed message")

// ErrUnsupported means a well-formed beginning of another version or of an
// unknown kind of request.
var ErrUnsupported = errors.New("unsupported request")

// Request asks for a connection.
type Request struct {
	ID   uint32
	Host string
	Port uint16
}

// Append appends the request as it stands on the wire. A host that is empty or
// longer than MaxHost, or port 0, cannot be asked for.
func (r Request) Append(b []byte) ([]byte, error) {
	if len(r.Host) == 0 || len(r.Host) > MaxHost || r.Port == 0 {
		return nil, fmt.Errorf("%w: a request needs a host of 1 to %d bytes and a port", ErrMalformed, MaxHost)
	}
	b = append(b, Version, kindConnect)
	b = binary.BigEndian.AppendUint32(b, r.ID)
	b = binary.BigEndian.AppendUint16(b, r.Port)
	b = append(b, byte(len(r.Host)))
	return append(b, r.Host...), nil
}

// ParseRequest reads a request. The error is ErrMalformed, or ErrUnsupported,
// and then the ID is valid. Host may hold any bytes.
func ParseRequest(b []byte) (Request, error) {
	if len(b) < 6 {
		return Request{}, fmt.Errorf("%w: a request of %d bytes", ErrMalformed, len(b))
	}
	r := Request{ID: binary.BigEndian.Uint32(b[2:])}
	if b[0] != Version || b[1] != kindConnect {
		return r, fmt.Errorf("%w: version %d, kind %d; this host speaks version %d, kind %d", ErrUnsupported, b[0], b[1], Version, kindConnect)
	}
	if len(b) < requestHeader || len(b) != requestHeader+int(b[8]) || b[8] == 0 || b[8] > MaxHost {
		return Request{}, fmt.Errorf("%w: a request of %d bytes does not fit the length in it", ErrMalformed, len(b))
	}
	r.Port = binary.BigEndian.Uint16(b[6:])
	r.Host = string(b[requestHeader:])
	if r.Port == 0 {
		return Request{}, fmt.Errorf("%w: a request for port 0", ErrMalformed)
	}
	return r, nil
}

// Reply answers the request with the same ID.
type Reply struct {
	ID     uint32
	Status Status
	Text   string
}

// Append appends the reply as it stands on the wire. Text is made valid UTF-8
// and cut to MaxText bytes.
func (r Reply) Append(b []byte) []byte {
	text := cut(strings.ToValidUTF8(r.Text, "�"), MaxText)
	b = append(b, Version, byte(r.Status))
	b = binary.BigEndian.AppendUint32(b, r.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// ParseReply reads a reply. The error is ErrMalformed.
func ParseReply(b []byte) (Reply, error) {
	if len(b) < replyHeader || b[0] != Version {
		return Reply{}, fmt.Errorf("%w: a reply of %d bytes", ErrMalformed, len(b))
	}
	n := int(binary.BigEndian.Uint16(b[6:]))
	if n > MaxText || len(b) != replyHeader+n || !utf8.Valid(b[replyHeader:]) {
		return Reply{}, fmt.Errorf("%w: a reply whose text is not what its length says", ErrMalformed)
	}
	return Reply{ID: binary.BigEndian.Uint32(b[2:]), Status: Status(b[1]), Text: string(b[replyHeader:])}, nil
}

// cut shortens text to at most limit bytes without breaking a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
