// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const vectorDir = "testdata/vectors"

// expected is what testdata/vectors/expected.json says of each log there.
type expected struct {
	Intact  bool     `json:"intact"`
	Records uint64   `json:"records"`
	Anchor  string   `json:"anchor,omitempty"`
	What    []string `json:"what"`
	Notes   []string `json:"notes"`
}

// TestVectors verifies the published logs, with both verifiers. After a change
// of the format: UPDATE_VECTORS=1 go test ./host/audit -run TestVectors
func TestVectors(t *testing.T) {
	want := map[string]expected{}
	if os.Getenv("UPDATE_VECTORS") != "" {
		makeVectors(t)
	} else {
		must(t, json.Unmarshal(readFile(t, vectorDir, "expected.json"), &want))
	}
	got := map[string]expected{}
	entries, err := os.ReadDir(vectorDir)
	must(t, err)
	for _, e := range entries {
		if e.IsDir() {
			got[e.Name()] = expectation(verdict(t, filepath.Join(vectorDir, e.Name())))
		}
	}
	text, err := json.MarshalIndent(got, "", "  ")
	must(t, err)
	if os.Getenv("UPDATE_VECTORS") != "" {
		must(t, os.WriteFile(filepath.Join(vectorDir, "expected.json"), append(text, '\n'), 0o644))
		return
	}
	wanted, err := json.MarshalIndent(want, "", "  ")
	must(t, err)
	if len(got) < 8 || !bytes.Equal(text, wanted) {
		t.Errorf("verdicts\n%s\nwant\n%s", text, wanted)
	}
}

func expectation(v *Verdict) expected {
	e := expected{Intact: v.Intact, Records: v.Records, What: []string{}, Notes: append([]string{}, v.Notes...)}
	if v.Anchor.Seq > 0 {
		e.Anchor = v.Anchor.String()
	}
	for _, p := range v.Problems {
		e.What = append(e.What, p.File+": "+p.What)
	}
	return e
}

// TestTheWriterMakesTheVectors byte for byte: the format does not drift.
func TestTheWriterMakesTheVectors(t *testing.T) {
	dir := t.TempDir()
	writeVector(t, dir)
	published := filepath.Join(vectorDir, "intact")
	must(t, fs.WalkDir(os.DirFS(published), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if got, want := readFile(t, dir, name), readFile(t, published, name); !bytes.Equal(got, want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
		return nil
	}))
}

// writeVector writes the log that all vectors come from: one record a batch.
func writeVector(t *testing.T, dir string) {
	t.Helper()
	l := opened(t, dir, func(c *chain) { c.maxFile = 3 << 10 })
	for range 2 {
		for _, e := range life {
			must(t, l.Append(e.plugin, e.event).Wait(context.Background()))
		}
	}
	must(t, l.Close())
}

// variants change the log into the other vectors.
var variants = map[string]func(t *testing.T, dir string){
	"intact": func(*testing.T, string) {},
	"ahead": func(t *testing.T, dir string) { // the head of record 11
		r := records(t, dir, Query{})[10]
		h := head{V: 1, Seq: 11, Hash: r.Hash, File: r.File}
		for _, other := range records(t, dir, Query{})[:11] {
			if other.File == r.File {
				h.Size += int64(len(other.Raw())) + 1
			}
		}
		data, err := h.encode()
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, headName), data, 0o600))
	},
	"torn": func(t *testing.T, dir string) {
		change(t, dir, fileName(lastOf(t, dir)), func(b []byte) []byte { return append(b, b[:100]...) })
	},
	"edited": inFile(1, func(l [][]byte) [][]byte {
		l[1] = bytes.Replace(l[1], []byte("nvidia-smi"), []byte("nvidia-xyz"), 1)
		return l
	}),
	"rehashed":  inFile(1, func(l [][]byte) [][]byte { l[1] = reseal(l[1], "nvidia-smi", "nvidia-xyz"); return l }),
	"deleted":   inFile(1, func(l [][]byte) [][]byte { return append(l[:1], l[2:]...) }),
	"swapped":   inFile(1, func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }),
	"truncated": inFile(0, func(l [][]byte) [][]byte { return l[:len(l)-1] }),
	"headless":  func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, headName))) },
	"unfiled":   func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, fileName(2)))) },
	"continued": func(t *testing.T, dir string) { // a host went on after damage
		lastBytes(10)(t, dir)
		must(t, opened(t, dir, nil).Close())
	},
}

func makeVectors(t *testing.T) {
	t.Helper()
	for name, vary := range variants {
		dir := filepath.Join(vectorDir, name)
		must(t, os.RemoveAll(dir))
		writeVector(t, dir)
		vary(t, dir)
		must(t, os.Remove(filepath.Join(dir, lockName)))
	}
}
