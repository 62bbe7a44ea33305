// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// FuzzDecode: a state that is taken is the one form of what it says, and every
// access works. The length and the digest are put right first, so that changes
// reach what lies behind them.
func FuzzDecode(f *testing.F) {
	for _, w := range published() {
		f.Add(encoded(f, w))
	}
	for _, data := range forged() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Decode(data); err == nil {
			useAll(t, s)
		}
		if len(data) < preambleBytes {
			return
		}
		repaired := append(bytes.Clone(data), make([]byte, align(len(data))-len(data))...)
		seal(repaired, int(binary.LittleEndian.Uint32(data[12:])))
		if s, err := Decode(repaired); err == nil {
			useAll(t, s)
		} else if s != nil {
			t.Error("a state beside an error")
		}
	})
}

// useAll reads every array in its type and writes the state again.
func useAll(t *testing.T, s *State) {
	r := s.Reader()
	for _, a := range s.Arrays() {
		switch a.DType {
		case Float64:
			r.Floats(a.Name, a.Shape...)
		case Float32:
			r.Floats32(a.Name)
		case Int64:
			r.Ints(a.Name)
		case Int32:
			r.Ints32(a.Name)
		case Uint64:
			r.Uints(a.Name)
		case Uint8:
			r.Blob(a.Name)
		case Bool:
			r.Bools(a.Name)
		case UTF8:
			r.Strings(a.Name)
		case JSON:
			var v any
			if err := s.JSON(a.Name, &v); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") && !strings.Contains(err.Error(), "max depth") {
				t.Error(err)
			}
			r.seen[a.Name] = true
		default:
			t.Errorf("type %q", a.DType)
		}
		r.Valid(a.Name)
	}
	if err := r.End(); err != nil {
		t.Error(err)
	}
	again, err := s.Edit().Bytes()
	if err != nil || !bytes.Equal(again, s.Bytes()) {
		t.Errorf("it is written otherwise: %v", err)
	}
}

// FuzzHeader: a header that is taken is written the same.
func FuzzHeader(f *testing.F) {
	for _, w := range published() {
		data := encoded(f, w)
		f.Add(data[preambleBytes : preambleBytes+int(binary.LittleEndian.Uint32(data[12:]))])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := parseHeader(data)
		if err != nil {
			return
		}
		if again, err := toWire(w.header(), w.Arrays).encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is written as %q (%v)", data, again, err)
		}
	})
}

// TestHostileStatesTakeNoMemory decodes what promises much or is made of many
// small things, and wants no more memory than a few times the input.
func TestHostileStatesTakeNoMemory(t *testing.T) {
	const size = MaxHeaderBytes - 100
	fill := func(format string) []byte {
		var b strings.Builder
		for i := 0; b.Len() < size-100; i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, format, i)
		}
		return []byte(b.String())
	}
	for what, data := range map[string][]byte{
		"empty objects":  forge(arrayOf(string(bytes.Repeat([]byte("{},"), size/3)) + "{}")),
		"small columns":  forge(`{"arrays":[],"input":[` + string(fill(`{"name":"%d","type":"a"}`)) + `],"kernel":"k","seed":"0","version":1}`),
		"small metrics":  forge(`{"arrays":[],"kernel":"k","metrics":{` + string(fill(`"%07d":1`)) + `},"seed":"0","version":1}`),
		"a long shape":   forge(arrayOf(`{"bytes":0,"dtype":"bool","name":"a","offset":0,"shape":[` + string(fill("%.0[1]d1")) + `]}`)),
		"many arrays":    forge(arrayOf(string(fill(`{"bytes":0,"dtype":"bool","name":"%07d","offset":0,"shape":[0]}`)))),
		"a huge element": forge(arrayOf(`{"bytes":9007199254740992,"dtype":"utf8","name":"a","offset":0,"shape":[1125899906842624]}`)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(data)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 40*uint64(len(data))+1<<20 {
			t.Errorf("%s: %d bytes of memory for %d of input (%v)", what, used, len(data), err)
		} else {
			t.Logf("%s: %.1f times the input", what, float64(used)/float64(len(data)))
		}
	}
}
