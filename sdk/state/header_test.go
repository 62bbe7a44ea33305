// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// headerText is the header of a state as it is written.
func headerText(t *testing.T, h Header) string {
	t.Helper()
	data := encoded(t, New(h))
	return string(data[preambleBytes : preambleBytes+int(binary.LittleEndian.Uint32(data[12:]))])
}

// TestNumbersAreThoseOfECMAScript: the values are from RFC 8785, appendix B.
func TestNumbersAreThoseOfECMAScript(t *testing.T) {
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0",
		0x8000000000000000: "0",
		0x0000000000000001: "5e-324",
		0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308",
		0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992",
		0xc340000000000000: "-9007199254740992",
		0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22",
		0x44b52d02c7e14af6: "1e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000",
		0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7",
		0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332",
	} {
		text := headerText(t, Header{Kernel: "k", Version: 1, Metrics: map[string]float64{"m": math.Float64frombits(bits)}})
		if !strings.Contains(text, `"metrics":{"m":`+want+`}`) {
			t.Errorf("%x is written in %s, want %s", bits, text, want)
		}
	}
}

func TestHeadersAreASCII(t *testing.T) {
	name := "a\"\\/\b\f<&>\u007fé\u2028\U0001F600"
	text := headerText(t, Header{Kernel: "k", Version: 1, Input: []Column{{Name: name, Type: "utf8"}}})
	want := `{"arrays":[],"input":[{"name":"a\"\\/\b\f<&>\u007f\u00e9\u2028\ud83d\ude00","type":"utf8"}],"kernel":"k","seed":"0","version":1}`
	if text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	var back struct{ Input []Column }
	must(t, json.Unmarshal([]byte(text), &back))
	if back.Input[0].Name != name {
		t.Errorf("%q", back.Input[0].Name)
	}
}

func TestNamesAtTheirBounds(t *testing.T) {
	for name, want := range map[string]bool{
		strings.Repeat("ä", 128): true, strings.Repeat("ä", 128) + "x": false, " ": true, "a.b[0]": true, "": false, "a\tb": false, "\xff": false, "a\u0085": false,
	} {
		if got := badName(name) == ""; got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestTheWriterDoesNotShare changes what was given to New and what a state says.
func TestTheWriterDoesNotShare(t *testing.T) {
	h := Header{Kernel: "k", Version: 1, Metrics: map[string]float64{"a": 1}, Input: []Column{{Name: "x", Type: "utf8"}}}
	w := New(h)
	h.Metrics["a"], h.Input[0].Name = 2, "y"
	s, err := w.State()
	must(t, err)
	if s.Header.Metrics["a"] != 1 || s.Header.Input[0].Name != "x" {
		t.Errorf("%+v", s.Header)
	}
	before := bytes.Clone(s.Bytes())
	e := s.Edit()
	e.Header.Metrics["a"] = 3
	if s.Header.Metrics["a"] != 1 || !bytes.Equal(before, s.Bytes()) {
		t.Error("an edit changes the state")
	}
}

// TestHeadersAsJSON is what reports print.
func TestHeadersAsJSON(t *testing.T) {
	h := full().Header
	h.Metrics["r2"] = 0
	data, err := json.Marshal(h)
	must(t, err)
	var back Header
	must(t, json.Unmarshal(data, &back))
	if diff := cmp.Diff(h, back); diff != "" || !bytes.Contains(data, []byte(`"seed":"18446744073709551615"`)) {
		t.Errorf("%s\n%s", data, diff)
	}
}

func TestEditing(t *testing.T) {
	w := decoded(t, encoded(t, full())).Edit()
	w.Drop("coef", "small")
	w.Rename("counts", "numbers")
	w.Floats("coef", []float64{1})
	s, err := w.State()
	must(t, err)
	var names []string
	for _, a := range s.Arrays() {
		names = append(names, a.Name)
	}
	want := []string{"numbers", "codes", "hashes", "blob", "flags", "classes", "options", "scalar", "empty", "gaps", "words", "coef"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	w.Add(s.Arrays()[0])
	if _, err := w.Bytes(); err == nil || !strings.Contains(err.Error(), "added before") {
		t.Error(err)
	}
}

func BenchmarkStates(b *testing.B) {
	values := make([]float64, 1<<20)
	for i := range values {
		values[i] = float64(i) / 3
	}
	w := New(Header{Kernel: "k", Version: 1})
	w.Floats("x", values)
	data := encoded(b, w)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			encoded(b, w)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := decoded(b, data).Floats("x"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
