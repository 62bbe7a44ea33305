// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// file makes a safetensors file with a header and n bytes of data.
func file(header string, n int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, n)...)
}

const twoTensors = `{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`

func TestReadHeader(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		want Header
		ok   bool
	}{
		{"two tensors", file(twoTensors, 12), Header{Tensors: 2, Bytes: 12}, true},
		{"no tensors", file(`{}`, 0), Header{}, true},
		{"cut off", file(twoTensors, 11), Header{}, false},
		{"empty", nil, Header{}, false},
		{"length alone", []byte{1, 0, 0, 0, 0, 0, 0, 0}, Header{}, false},
		{"length that overflows", bytes.Repeat([]byte{0xff}, 64), Header{}, false},
		{"not JSON", file(`{"a":`, 0), Header{}, false},
		{"offsets backwards", file(`{"a":{"data_offsets":[8,4]}}`, 8), Header{}, false},
		{"negative offset", file(`{"a":{"data_offsets":[-8,4]}}`, 8), Header{}, false},
		{"no offsets", file(`{"a":{}}`, 8), Header{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadHeader(bytes.NewReader(tt.data), int64(len(tt.data)))
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestHeaderIsBounded(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, MaxHeader+1)
	if _, err := ReadHeader(bytes.NewReader(huge), 1<<40); err == nil {
		t.Error("a header over the bound is read")
	}
}

func TestReadIndex(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		bytes      int64
		files      string
		ok         bool
	}{
		{"two files", `{"metadata":{"total_size":15000000000},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-1.safetensors"}}`, 15000000000, "m-1.safetensors m-2.safetensors", true},
		{"size as a float", `{"metadata":{"total_size":1.5e10},"weight_map":{"a":"m"}}`, 15000000000, "m", true},
		{"no size", `{"weight_map":{"a":"m"}}`, 0, "m", true},
		{"negative size", `{"metadata":{"total_size":-1},"weight_map":{"a":"m"}}`, 0, "m", true},
		{"file elsewhere", `{"weight_map":{"a":"../../etc/passwd"}}`, 0, "", true},
		{"no map", `{}`, 0, "", false},
		{"wrong type", `{"weight_map":[1]}`, 0, "", false},
		{"NUL", "\x00", 0, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadIndex([]byte(tt.data))
			slices.Sort(got.Files)
			if got.Bytes != tt.bytes || strings.Join(got.Files, " ") != tt.files || (err == nil) != tt.ok {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestIndexIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"weight_map":{"x":"x"`)
	for i := range maxFiles + 1 {
		fmt.Fprintf(&b, `,"%d":"%d"`, i, i)
	}
	if _, err := ReadIndex([]byte(b.String() + "}}")); err == nil {
		t.Error("an index of too many files is read")
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add(file(twoTensors, 12))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadHeader(bytes.NewReader(data), int64(len(data)))
		if err == nil && (h.Bytes < 0 || h.Bytes > int64(len(data))) {
			t.Errorf("%d bytes of tensors in a file of %d", h.Bytes, len(data))
		}
	})
}

func FuzzReadIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"m"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ReadIndex(data)
		if err == nil && got.Bytes < 0 {
			t.Errorf("negative size %d", got.Bytes)
		}
		for _, name := range got.Files {
			if strings.Contains(name, "/") {
				t.Errorf("file %q leaves the directory", name)
			}
		}
	})
}
