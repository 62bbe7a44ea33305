// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the published vectors anew")

const vectorDir = "../../testdata/vectors/archive"

// TestVectors holds the published archives against their verdicts. A verdict is
// written down by hand for what is refused; what is accepted is also compared with
// the digests in the file.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	published := readVectors(t)
	made := vectors()
	if len(published) != len(made) {
		t.Errorf("%d vectors are published and %d are made; run go test -update", len(published), len(made))
	}
	for _, v := range published {
		var err error
		if v.data, err = os.ReadFile(filepath.Join(vectorDir, v.File)); err != nil {
			t.Error(err)
			continue
		}
		checkVector(t, v)
		i := slices.IndexFunc(made, func(m vector) bool { return m.File == v.File })
		if i < 0 || made[i].Verdict != v.Verdict || made[i].Rule != v.Rule {
			t.Errorf("%s: the published verdict is not the one of the test", v)
		}
	}
}

func checkVector(t *testing.T, v vector) {
	t.Helper()
	dir := fresh(t)
	u, err := Unpack(t.Context(), bytes.NewReader(v.data), dir, Limits{Unpacked: v.Promised})
	if v.Verdict == "refused" {
		if e, ok := errors.AsType[*RefusedError](err); !ok || e.Rule != v.Rule {
			t.Errorf("%s: %v; want the rule %q", v, err, v.Rule)
		}
		gone(t, dir)
		return
	}
	if err != nil {
		t.Errorf("%s: %v", v, err)
		return
	}
	h1, err := HashDir(dir)
	if err != nil || h1 != v.H1 || u.H1 != v.H1 || u.Bytes != v.Unpacked || len(u.Files) != len(v.Files) {
		t.Errorf("%s: %+v, %s, %v", v, u, h1, err)
	}
	for name, sum := range u.Files {
		if digest(sum) != v.Files[name] {
			t.Errorf("%s: %s has the digest %s", v, name, digest(sum))
		}
	}
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorDir, "verdicts.json"))
	must(t, err)
	var out []vector
	must(t, json.Unmarshal(data, &out))
	return out
}

func writeVectors(t *testing.T) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(vectorDir, "*.tar.zst"))
	must(t, err)
	for _, name := range old {
		must(t, os.Remove(name))
	}
	all, total := vectors(), 0
	for i, v := range all {
		must(t, os.WriteFile(filepath.Join(vectorDir, v.File), v.data, 0o644))
		total += len(v.data)
		if v.Verdict == "accepted" {
			all[i] = accepted(t, v)
		}
	}
	if total > 200<<10 {
		t.Errorf("the vectors have %d bytes", total)
	}
	data, err := json.MarshalIndent(all, "", "  ")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(vectorDir, "verdicts.json"), append(data, '\n'), 0o644))
}

func accepted(t *testing.T, v vector) vector {
	t.Helper()
	u, err := Unpack(t.Context(), bytes.NewReader(v.data), fresh(t), Limits{})
	must(t, err)
	v.H1, v.Unpacked, v.Files = u.H1, u.Bytes, map[string]string{}
	for name, sum := range u.Files {
		v.Files[name] = digest(sum)
	}
	return v
}

// TestVectorsAreReproducible makes them twice.
func TestVectorsAreReproducible(t *testing.T) {
	a, b := vectors(), vectors()
	for i := range a {
		if !bytes.Equal(a[i].data, b[i].data) {
			t.Errorf("%s differs from itself", a[i])
		}
	}
}
