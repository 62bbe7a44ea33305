// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	formatVersion = 1
	// maxLine is the longest line, its line feed included, in bytes.
	maxLine      = 64 << 10
	digestPrefix = "sha256:"
	hashName     = `,"hash":"`
	// sealLen is the length of ,"hash":"sha256:<64 digits>"} in bytes.
	sealLen = len(hashName) + len(digestPrefix) + 2*sha256.Size + len(`"}`)
)

// genesis is the prev of the first record.
var genesis = digestPrefix + strings.Repeat("0", 2*sha256.Size)

// Host is who writes.
type Host struct {
	PID int `json:"pid"`
	// Run is an id of this run of the host; Open makes one when it is empty.
	Run string `json:"run"`
	// Version of Bulkhead.
	Version string `json:"version"`
	// User by name; Open asks the system when it is empty.
	User string `json:"user"`
}

// Record is one line of the log.
type Record struct {
	Seq    uint64
	Time   time.Time // UTC
	Host   Host
	Kind   Kind
	Plugin string // "" for records that are about no plugin
	Data   json.RawMessage
	// Prev and Hash are "sha256:" and 64 lower hexadecimal digits.
	Prev, Hash string
	// File and Line, from 1, are where it was read.
	File string
	Line int
	raw  []byte
}

// Raw is the line as it stands in the log, without the line feed.
func (r Record) Raw() []byte { return r.raw }

// envelope is a record without its hash, in canonical order.
type envelope struct {
	V      int             `json:"v"`
	Seq    uint64          `json:"seq"`
	Time   string          `json:"time"`
	Host   Host            `json:"host"`
	Kind   Kind            `json:"kind"`
	Plugin string          `json:"plugin"`
	Data   json.RawMessage `json:"data"`
	Prev   string          `json:"prev"`
}

// What a line is that is not a valid record.
var (
	errForm    = errors.New("the line is no record in canonical form")
	errHash    = errors.New("the hash does not match the record")
	errVersion = errors.New("the record is of another version of the format")
	errLength  = fmt.Errorf("the line is longer than %d bytes", maxLine)
)

// seal returns the line of a record with its line feed, and its hash.
func (e envelope) seal() (line []byte, hash string, err error) {
	body, err := e.body()
	if err != nil {
		return nil, "", err
	}
	hash = digest(body)
	body = append(body[:len(body)-1], hashName+hash+"\"}\n"...)
	return body, hash, nil
}

// body is what the hash covers.
func (e envelope) body() ([]byte, error) { return canonical(e) }

// canonical encodes a value as JSON in printable ASCII without white space.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escape(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// escape replaces what is not printable ASCII. In JSON such characters stand in
// strings only.
func escape(document []byte) []byte {
	if bytes.IndexFunc(document, unprintable) < 0 {
		return document
	}
	out := make([]byte, 0, len(document)+len(document)/4)
	for len(document) > 0 {
		r, size := utf8.DecodeRune(document)
		if unprintable(r) {
			out = appendEscape(out, r)
		} else {
			out = append(out, byte(r))
		}
		document = document[size:]
	}
	return out
}

func unprintable(r rune) bool { return r >= 0x7f }

func appendEscape(out []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}

// digest is the hash of bytes in the form of the log.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// isDigest reports whether s is "sha256:" and 64 lower hexadecimal digits.
func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	return ok && len(digits) == 2*sha256.Size && strings.Trim(digits, "0123456789abcdef") == ""
}

// parse reads a line without its line feed. With errHash it returns what the
// record claims. The record keeps no part of the line.
func parse(line []byte) (Record, error) {
	body, hash, ok := unseal(line)
	if !ok {
		return Record{}, errForm
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return Record{}, errForm
	}
	if e.V != formatVersion {
		return Record{}, fmt.Errorf("%w (%d)", errVersion, e.V)
	}
	at, ok := e.valid()
	if again, err := e.body(); !ok || err != nil || !bytes.Equal(again, body) {
		return Record{}, errForm
	}
	r := Record{
		Seq: e.Seq, Time: at, Host: e.Host, Kind: e.Kind, Plugin: e.Plugin, Data: e.Data,
		Prev: e.Prev, Hash: hash, raw: bytes.Clone(line),
	}
	if digest(body) != hash {
		return r, errHash
	}
	return r, nil
}

// unseal splits a line into what the hash covers and the hash.
func unseal(line []byte) (body []byte, hash string, ok bool) {
	at := len(line) - sealLen
	if at < 1 || len(line) >= maxLine {
		return nil, "", false
	}
	seal := string(line[at:])
	if !strings.HasPrefix(seal, hashName) || !strings.HasSuffix(seal, `"}`) {
		return nil, "", false
	}
	hash = seal[len(hashName) : len(seal)-2]
	body = append(bytes.Clone(line[:at]), '}')
	return body, hash, isDigest(hash)
}

// valid checks what re-encoding does not.
func (e envelope) valid() (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, e.Time)
	ok := err == nil && stamp(at) == e.Time && e.Seq > 0 && e.Seq <= maxSeq && e.Kind != "" && isDigest(e.Prev)
	return at.UTC(), ok && len(e.Data) > 1 && e.Data[0] == '{'
}

// stamp is a time in the form of the log.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Anchor names a record by number and hash. Kept where nobody who can write to
// the log can write, it fixes every record up to it.
type Anchor struct {
	Seq  uint64
	Hash string
}

// String is SEQ:sha256:DIGITS.
func (a Anchor) String() string { return strconv.FormatUint(a.Seq, 10) + ":" + a.Hash }

// ParseAnchor is the reverse of String.
func ParseAnchor(s string) (Anchor, error) {
	number, hash, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil || seq == 0 || !isDigest(hash) {
		return Anchor{}, fmt.Errorf("%q is no anchor: it is SEQ:sha256:DIGITS, as `bulkhead audit verify` prints it", s)
	}
	return Anchor{Seq: seq, Hash: hash}, nil
}
