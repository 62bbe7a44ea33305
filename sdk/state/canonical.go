// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// wireHeader is the header as JSON; its keys stand in the order of their bytes.
type wireHeader struct {
	Arrays       []wireArray        `json:"arrays"`
	ConfigDigest string             `json:"config_digest,omitempty"`
	Input        []Column           `json:"input,omitempty"`
	Kernel       string             `json:"kernel"`
	Metrics      map[string]float64 `json:"metrics,omitempty"`
	Parent       string             `json:"parent,omitempty"`
	Plugin       string             `json:"plugin,omitempty"`
	Seed         uint64             `json:"seed,string"`
	Version      int                `json:"version"`
}

// wireArray is an entry of the header's list.
type wireArray struct {
	Bytes  int    `json:"bytes"`
	DType  DType  `json:"dtype"`
	Name   string `json:"name"`
	Nulls  bool   `json:"nulls,omitempty"`
	Offset int    `json:"offset"`
	Shape  []int  `json:"shape"`
}

func toWire(h Header, arrays []wireArray) wireHeader {
	return wireHeader{
		Arrays: arrays, ConfigDigest: h.ConfigDigest, Input: h.Input, Kernel: h.Kernel, Metrics: h.Metrics,
		Parent: h.Parent, Plugin: h.Plugin, Seed: h.Seed, Version: h.Version,
	}
}

// unsigned takes the sign off zeros, which ECMAScript does not write.
func unsigned(metrics map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(metrics))
	for name, v := range metrics {
		out[name] = v + 0 // -0 + 0 is 0
	}
	return out
}

func (w wireHeader) header() Header {
	return Header{
		Kernel: w.Kernel, Version: w.Version, Plugin: w.Plugin, ConfigDigest: w.ConfigDigest,
		Input: w.Input, Seed: w.Seed, Metrics: w.Metrics, Parent: w.Parent,
	}
}

// encode writes the canonical form.
func (w wireHeader) encode() ([]byte, error) {
	if w.Arrays == nil {
		w.Arrays = []wireArray{}
	}
	for i := range w.Arrays {
		if w.Arrays[i].Shape == nil {
			w.Arrays[i].Shape = []int{}
		}
	}
	w.Metrics = unsigned(w.Metrics)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(w); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return ascii(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// parseHeader reads the one canonical form of a header. No name, no order and no
// spelling but that of encode passes, so no two readers can differ about it.
func parseHeader(data []byte) (wireHeader, error) {
	var w wireHeader
	if objects(data) > len(data)/smallestObject+1 {
		return w, errors.New("it has more objects than its length allows")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return w, notHeader(err)
	}
	again, err := w.encode()
	if err != nil {
		return w, err
	}
	if !bytes.Equal(again, data) {
		return w, fmt.Errorf("it is not in canonical form at its byte %d", differ(again, data))
	}
	return w, nil
}

// notHeader says in the words of this format what encoding/json found.
func notHeader(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the value of %q is of another type, or out of range", e.Field)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not JSON at its byte %d", e.Offset)
	}
	return errors.New("it is cut off, or has a key or a value that the format does not know")
}

// smallestObject is less than the bytes of any object in a valid header. It
// keeps a short header from becoming many structs.
const smallestObject = 16

// objects counts what opens with a brace outside of strings.
func objects(data []byte) int {
	n, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '{' && !quoted:
			n++
		}
	}
	return n
}

// differ is the first index at which a and b are not the same.
func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }

// ascii escapes what is not printable ASCII. In JSON without white space such
// characters stand in strings only.
func ascii(document []byte) []byte {
	if bytes.IndexFunc(document, unprintable) < 0 {
		return document
	}
	out := make([]byte, 0, len(document)+len(document)/4)
	for len(document) > 0 {
		r, size := utf8.DecodeRune(document)
		switch {
		case !unprintable(r):
			out = append(out, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		document = document[size:]
	}
	return out
}
