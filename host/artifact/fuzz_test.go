// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sealed puts the right first line before a body, which a fuzzer cannot find.
func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append([]byte(manifestForm+" "+hex.EncodeToString(sum[:])+"\n"), body...)
}

func someManifest() *manifest {
	m := &manifest{
		Key: keyOf("a"), ID: strings.Repeat("A", idLength),
		Info:  Info{Pipeline: "p", Ingredients: named("a"), Outcome: []byte(`{"x":1e400}`), CreatedAt: time.Unix(1, 2).UTC(), Rows: 3, Bytes: 12},
		State: &statePart{Bytes: 5, SHA256: "00"}, Table: &tablePart{Bytes: 7, Rows: 3, Batches: 1, Digest: "sha256:00"},
	}
	return m
}

// FuzzManifest feeds manifests that are damaged or made by strangers. One that
// is read names files of the store only, and is written as it was read.
func FuzzManifest(f *testing.F) {
	good, err := someManifest().encode()
	must(f, err)
	f.Add(good)
	f.Add(good[headLength:])
	f.Add([]byte(`{"key":"` + keyOf("a").String() + `","id":"../../../../../etc/passwd"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, text := range [][]byte{data, sealed(data)} {
			m, err := decodeManifest(text, keyOf("a"))
			if err != nil {
				continue
			}
			for name, size := range m.parts() {
				if !strings.HasPrefix(name, dataDir+"/") || strings.Count(name, "/") != 1 || strings.Contains(name, "..") || size < 0 {
					t.Errorf("it names %q of %d bytes", name, size)
				}
			}
			again, err := m.encode()
			if err != nil {
				t.Skip() // years that JSON cannot write
			}
			back, err := decodeManifest(again, keyOf("a"))
			if err != nil {
				t.Fatalf("what was read cannot be written and read: %v", err)
			}
			m.size, back.size = 0, 0
			if second, err := back.encode(); err != nil || !bytes.Equal(again, second) {
				t.Errorf("%s becomes %s, %v", again, second, err)
			}
		}
	})
}

func TestManifests(t *testing.T) {
	want := someManifest()
	text, err := want.encode()
	must(t, err)
	got, err := decodeManifest(text, keyOf("a"))
	must(t, err)
	want.size = int64(len(text))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v becomes %+v", want, got)
	}
	for name, change := range map[string]func(*manifest){
		"another key":       func(m *manifest) { m.Key[0]++ },
		"names no data":     func(m *manifest) { m.ID = "../" + strings.Repeat("A", idLength-3) },
		"do not make":       func(m *manifest) { m.Info.Ingredients[0].Value = "x" },
		"do not add up":     func(m *manifest) { m.Info.Bytes++ },
		"do not add up, -1": func(m *manifest) { m.State.Bytes, m.Table.Bytes, m.Info.Bytes = -1, 13, 12 },
		"do not add up, -2": func(m *manifest) { m.State.Bytes, m.Table.Bytes, m.Info.Bytes = 13, -1, 12 },
	} {
		m := someManifest()
		change(m)
		text, err := m.encode()
		must(t, err)
		if _, err := decodeManifest(text, keyOf("a")); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
	huge := someManifest()
	huge.Info.Node = strings.Repeat("x", maxManifest)
	if _, err := huge.encode(); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("error %v", err)
	}
}
