// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// explained is what the JSON beside a published state says.
type explained struct {
	SHA256      string         `json:"sha256"`
	HeaderBytes int            `json:"header_bytes"`
	Header      map[string]any `json:"header"`
	Arrays      []explainedArr `json:"arrays"`
}

type explainedArr struct {
	Name   string `json:"name"`
	DType  DType  `json:"dtype"`
	Shape  []int  `json:"shape"`
	Begins int    `json:"begins"`
	Bytes  int    `json:"bytes"`
	Valid  []bool `json:"valid,omitempty"`
	// Values are texts: bits in hexadecimal of floats, decimal digits of whole
	// numbers; and truth values.
	Values []any `json:"values"`
}

// published are the states of testdata.
func published() map[string]*Writer {
	minimal := New(Header{Kernel: "k", Version: 1})
	linear := New(Header{
		Kernel: "algorithms.ridge", Version: 1, Seed: 42, Metrics: map[string]float64{"rmse": 0.125},
		Input: []Column{{Name: "x", Type: "float64"}, {Name: "y", Type: "float64", Role: "target"}},
	})
	linear.Floats("coef", []float64{0.5, -2}, 1, 2)
	linear.Floats("intercept", []float64{1.25}, []int{}...)
	linear.Strings("features", []string{"x", "z"})
	return map[string]*Writer{"minimal": minimal, "linear": linear, "every-type": full()}
}

// TestVectors holds the published states together with what this package writes
// and reads. After a change of the format: UPDATE_VECTORS=1 go test -run TestVectors
func TestVectors(t *testing.T) {
	for name, w := range published() {
		data := encoded(t, w)
		text, err := json.MarshalIndent(explain(t, data), "", "  ")
		must(t, err)
		file := filepath.Join("testdata", name)
		if os.Getenv("UPDATE_VECTORS") != "" {
			must(t, os.WriteFile(file+".state", data, 0o644))
			must(t, os.WriteFile(file+".json", append(text, '\n'), 0o644))
		}
		if !bytes.Equal(readFile(t, file+".state"), data) {
			t.Errorf("%s: this package writes other bytes", name)
		}
		if !bytes.Equal(readFile(t, file+".json"), append(text, '\n')) {
			t.Errorf("%s: this package reads\n%s", name, text)
		}
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	must(t, err)
	return data
}

func explain(t *testing.T, data []byte) explained {
	t.Helper()
	s := decoded(t, data)
	out := explained{SHA256: strings.TrimPrefix(s.Digest(), "sha256:"), HeaderBytes: int(binary.LittleEndian.Uint32(data[12:])), Arrays: []explainedArr{}}
	must(t, json.Unmarshal(data[preambleBytes:preambleBytes+out.HeaderBytes], &out.Header))
	delete(out.Header, "arrays")
	at := align(preambleBytes + out.HeaderBytes)
	for _, a := range s.Arrays() {
		e := explainedArr{Name: a.Name, DType: a.DType, Shape: a.Shape, Begins: at, Bytes: len(a.bitmap) + len(a.values), Values: []any{}}
		e.Valid, _ = s.Valid(a.Name)
		for i := range a.Len {
			e.Values = append(e.Values, shown(a.DType, a.element(i)))
		}
		out.Arrays = append(out.Arrays, e)
		at = align(at + e.Bytes)
	}
	return out
}

func shown(d DType, b []byte) any {
	switch d {
	case UTF8, JSON:
		return string(b)
	case Bool:
		return b[0] == 1
	case Int64:
		return fmt.Sprint(int64(binary.LittleEndian.Uint64(b)))
	case Int32:
		return fmt.Sprint(int32(binary.LittleEndian.Uint32(b)))
	case Uint64:
		return fmt.Sprint(binary.LittleEndian.Uint64(b))
	case Uint8:
		return fmt.Sprint(b[0])
	}
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	return "0x" + hex.EncodeToString(reversed)
}

// forge makes a state of any header and any bytes behind it, with a right digest.
func forge(header string, body ...byte) []byte {
	out := append(make([]byte, preambleBytes), header...)
	out = append(out, make([]byte, align(len(out))-len(out))...)
	out = append(out, body...)
	out = append(out, make([]byte, align(len(out))-len(out))...)
	seal(out, len(header))
	return out
}

// arrayOf is a header with one entry of the list.
func arrayOf(entry string) string {
	return `{"arrays":[` + entry + `],"kernel":"k","seed":"0","version":1}`
}

// bodyOf puts pieces at multiples of 64.
func bodyOf(pieces ...string) []byte {
	var out []byte
	for _, p := range pieces {
		out = append(out, p...)
		out = append(out, make([]byte, align(len(out))-len(out))...)
	}
	return out
}

// forged are states that must be refused, whose digest is right.
func forged() map[string][]byte {
	one := func(entry string, body ...string) []byte { return forge(arrayOf(entry), bodyOf(body...)...) }
	le := func(v ...uint64) string {
		var b []byte
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, x)
		}
		return string(b)
	}
	const f8 = `{"bytes":8,"dtype":"float64","name":"a","offset":0,"shape":[1]}`
	many := strings.TrimSuffix(strings.Repeat("{},", 3000), ",")
	return map[string][]byte{
		"header-space":         forge(`{"arrays":[],"kernel":"k", "seed":"0","version":1}`),
		"header-order":         forge(`{"kernel":"k","arrays":[],"seed":"0","version":1}`),
		"header-unknown-key":   forge(`{"arrays":[],"kernel":"k","more":1,"seed":"0","version":1}`),
		"header-twice":         forge(`{"arrays":[],"kernel":"j","kernel":"k","seed":"0","version":1}`),
		"header-case":          forge(`{"Arrays":[],"kernel":"k","seed":"0","version":1}`),
		"header-empty-value":   forge(`{"arrays":[],"kernel":"k","parent":"","seed":"0","version":1}`),
		"header-null":          forge(`{"arrays":null,"kernel":"k","seed":"0","version":1}`),
		"header-not-ascii":     forge("{\"arrays\":[],\"kernel\":\"\u00e9\",\"seed\":\"0\",\"version\":1}"),
		"header-escape":        forge(`{"arrays":[],"kernel":"\u006b","seed":"0","version":1}`),
		"header-seed-number":   forge(`{"arrays":[],"kernel":"k","seed":0,"version":1}`),
		"header-seed-range":    forge(`{"arrays":[],"kernel":"k","seed":"18446744073709551616","version":1}`),
		"header-version":       forge(`{"arrays":[],"kernel":"k","seed":"0","version":0}`),
		"header-kernel":        forge(`{"arrays":[],"kernel":"","seed":"0","version":1}`),
		"header-control":       forge(`{"arrays":[],"kernel":"a\nb","seed":"0","version":1}`),
		"header-parent":        forge(`{"arrays":[],"kernel":"k","parent":"sha256:00","seed":"0","version":1}`),
		"header-metric-form":   forge(`{"arrays":[],"kernel":"k","metrics":{"a":1.0},"seed":"0","version":1}`),
		"header-metric-sign":   forge(`{"arrays":[],"kernel":"k","metrics":{"a":-0},"seed":"0","version":1}`),
		"header-metric-range":  forge(`{"arrays":[],"kernel":"k","metrics":{"a":1e999},"seed":"0","version":1}`),
		"header-column":        forge(`{"arrays":[],"input":[{"name":"a","type":""}],"kernel":"k","seed":"0","version":1}`),
		"header-many-objects":  forge(arrayOf(many)),
		"header-deep":          forge(strings.Repeat("[", 20000)),
		"header-cut":           forge(`{"arrays":[],"kernel":"k"`),
		"header-two":           forge(`{"arrays":[],"kernel":"k","seed":"0","version":1}{}`),
		"array-offset":         one(`{"bytes":8,"dtype":"float64","name":"a","offset":64,"shape":[1]}`, "12345678"),
		"array-negative-bytes": one(`{"bytes":-8,"dtype":"float64","name":"a","offset":0,"shape":[1]}`),
		"array-too-long":       one(`{"bytes":80,"dtype":"float64","name":"a","offset":0,"shape":[10]}`, "12345678"),
		"array-huge":           one(`{"bytes":9223372036854775807,"dtype":"float64","name":"a","offset":0,"shape":[1]}`, "12345678"),
		"array-short":          one(`{"bytes":8,"dtype":"float64","name":"a","offset":0,"shape":[2]}`, "12345678"),
		"array-overflow":       one(`{"bytes":8,"dtype":"float64","name":"a","offset":0,"shape":[4294967296,4294967296]}`, "12345678"),
		"array-negative":       one(`{"bytes":8,"dtype":"float64","name":"a","offset":0,"shape":[-1]}`, "12345678"),
		"array-rank":           one(`{"bytes":8,"dtype":"float64","name":"a","offset":0,"shape":[1,1,1,1,1,1,1,1,1]}`, "12345678"),
		"array-type":           one(`{"bytes":8,"dtype":"object","name":"a","offset":0,"shape":[1]}`, "12345678"),
		"array-name":           one(`{"bytes":8,"dtype":"float64","name":"","offset":0,"shape":[1]}`, "12345678"),
		"array-twice":          one(f8+`,`+strings.Replace(f8, `"offset":0`, `"offset":64`, 1), "12345678", "12345678"),
		"array-padding":        one(f8, "12345678x"),
		"array-behind":         one(f8, "12345678", "more"),
		"array-missing":        one(f8),
		"bool-two":             one(`{"bytes":2,"dtype":"bool","name":"a","offset":0,"shape":[2]}`, "\x01\x02"),
		"text-start":           one(`{"bytes":17,"dtype":"utf8","name":"a","offset":0,"shape":[1]}`, le(1, 1)+"x"),
		"text-falling":         one(`{"bytes":26,"dtype":"utf8","name":"a","offset":0,"shape":[2]}`, le(0, 2, 1)+"xy"),
		"text-past-end":        one(`{"bytes":17,"dtype":"utf8","name":"a","offset":0,"shape":[1]}`, le(0, math.MaxUint64)+"x"),
		"text-left-over":       one(`{"bytes":18,"dtype":"utf8","name":"a","offset":0,"shape":[1]}`, le(0, 1)+"xy"),
		"text-no-ends":         one(`{"bytes":8,"dtype":"utf8","name":"a","offset":0,"shape":[1]}`, le(0)),
		"text-latin1":          one(`{"bytes":17,"dtype":"utf8","name":"a","offset":0,"shape":[1]}`, le(0, 1)+"\xf6"),
		"text-split-rune":      one(`{"bytes":26,"dtype":"utf8","name":"a","offset":0,"shape":[2]}`, le(0, 1, 2)+"\xc3\xb6"),
		"json-none":            one(`{"bytes":3,"dtype":"json","name":"a","offset":0,"shape":[]}`, "NaN"),
		"json-shape":           one(`{"bytes":1,"dtype":"json","name":"a","offset":0,"shape":[1]}`, "1"),
		"json-latin1":          one(`{"bytes":3,"dtype":"json","name":"a","offset":0,"shape":[]}`, "\"\xf6\""),
		"json-nulls":           one(`{"bytes":65,"dtype":"json","name":"a","nulls":true,"offset":0,"shape":[]}`, "\x00", "1"),
		"nulls-none":           one(`{"bytes":72,"dtype":"float64","name":"a","nulls":true,"offset":0,"shape":[1]}`, "\x01", "12345678"),
		"nulls-false":          one(`{"bytes":8,"dtype":"float64","name":"a","nulls":false,"offset":0,"shape":[1]}`, "12345678"),
		"nulls-bit-behind":     one(`{"bytes":72,"dtype":"float64","name":"a","nulls":true,"offset":0,"shape":[1]}`, "\x02", le(0)),
		"nulls-not-zero":       one(`{"bytes":72,"dtype":"float64","name":"a","nulls":true,"offset":0,"shape":[1]}`, "\x00", "12345678"),
		"nulls-text":           one(`{"bytes":81,"dtype":"utf8","name":"a","nulls":true,"offset":0,"shape":[1]}`, "\x00", le(0, 1)+"x"),
		"nulls-zero-text":      one(`{"bytes":81,"dtype":"utf8","name":"a","nulls":true,"offset":0,"shape":[1]}`, "\x00", le(0, 1)+"\x00"),
		"nulls-no-room":        one(`{"bytes":8,"dtype":"float64","name":"a","nulls":true,"offset":0,"shape":[1]}`, "12345678"),
		"nulls-huge":           one(`{"bytes":64,"dtype":"uint8","name":"a","nulls":true,"offset":0,"shape":[9007199254740992]}`, "\x00"),
	}
}

// damaged are states that a transfer or a disk spoilt.
func damaged(good []byte) map[string][]byte {
	change := func(at int, with byte) []byte { out := bytes.Clone(good); out[at] ^= with; return out }
	sealed := func(change func([]byte)) []byte {
		out := bytes.Clone(good)
		change(out)
		sum := digestOf(out)
		copy(out[digestOffset:], sum[:])
		return out
	}
	return map[string][]byte{
		"empty": {}, "magic-only": good[:8], "cut-preamble": good[:63], "cut-header": good[:64], "cut-end": good[:len(good)-64],
		"longer":           append(bytes.Clone(good), make([]byte, 64)...),
		"line-breaks":      bytes.ReplaceAll(good, []byte("\r\n"), []byte("\n")),
		"bit-in-values":    change(len(good)-64, 1),
		"bit-in-header":    change(70, 1),
		"bit-in-digest":    change(40, 1),
		"format-version":   sealed(func(b []byte) { b[8] = 2 }),
		"reserved":         sealed(func(b []byte) { b[24] = 1 }),
		"header-past-end":  sealed(func(b []byte) { binary.LittleEndian.PutUint32(b[12:], math.MaxUint32) }),
		"header-not-whole": sealed(func(b []byte) { binary.LittleEndian.PutUint32(b[12:], 9) }),
		"padding-header":   sealed(func(b []byte) { n := binary.LittleEndian.Uint32(b[12:]); b[64+n] = 1 }),
	}
}

// refused are all of them.
func refused(t *testing.T) map[string][]byte {
	out := damaged(encoded(t, published()["linear"]))
	maps.Copy(out, forged())
	return out
}

// TestRefusedVectors wants a reason for each, the same as published. After a
// change of the format: UPDATE_VECTORS=1 go test -run TestRefusedVectors
func TestRefusedVectors(t *testing.T) {
	reasons := map[string]string{}
	dir := filepath.Join("testdata", "refused")
	update := os.Getenv("UPDATE_VECTORS") != ""
	must(t, os.MkdirAll(dir, 0o755))
	for name, data := range refused(t) {
		s, err := Decode(data)
		if err == nil || s != nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		var format *FormatError
		if !errors.As(err, &format) && !errors.Is(err, ErrNotState) {
			t.Errorf("%s: an error of type %T", name, err)
		}
		reasons[name] = err.Error()
		if update {
			must(t, os.WriteFile(filepath.Join(dir, name+".state"), data, 0o644))
		}
		if !bytes.Equal(readFile(t, filepath.Join(dir, name+".state")), data) {
			t.Errorf("%s is published otherwise", name)
		}
	}
	text, err := json.MarshalIndent(reasons, "", "  ")
	must(t, err)
	if update {
		must(t, os.WriteFile(filepath.Join("testdata", "refused.json"), append(text, '\n'), 0o644))
	}
	if got := readFile(t, filepath.Join("testdata", "refused.json")); !bytes.Equal(got, append(text, '\n')) {
		t.Errorf("the reasons are\n%s", text)
	}
}

// TestAStrangerAgrees runs the reader in Python over all vectors.
func TestAStrangerAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	for name := range published() {
		out, err := exec.Command(python, "testdata/read.py", filepath.Join("testdata", name+".state")).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		var got, want any
		must(t, json.Unmarshal(out, &got))
		must(t, json.Unmarshal(readFile(t, filepath.Join("testdata", name+".json")), &want))
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: Python reads\n%s\nand Go\n%s", name, a, b)
		}
	}
	const script = `import sys; sys.path.insert(0, "testdata"); sys.dont_write_bytecode = True
import read, glob
for f in sorted(glob.glob("testdata/refused/*.state")):
    try: read.read(open(f, "rb").read()); print(f)
    except Exception: pass`
	out, err := exec.Command(python, "-c", script).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v; Python accepts\n%s", err, out)
	}
}
