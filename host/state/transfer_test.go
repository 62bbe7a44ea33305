// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// exported is the file of a state.
func exported(t *testing.T, data []byte) []byte {
	t.Helper()
	s := newStore(t)
	e, err := s.Put(data, from("r1"))
	must(t, err)
	name := filepath.Join(t.TempDir(), "model.export")
	_, err = s.Export(e.Short(), name)
	must(t, err)
	if _, err := s.Export(e.Short(), name); err == nil {
		t.Error("an export writes over a file")
	}
	out, err := os.ReadFile(name)
	must(t, err)
	return out
}

func TestExportAndImport(t *testing.T) {
	for what, data := range map[string][]byte{"container": model(t, 1), "opaque": []byte("line\n\x00other"), "empty": {}} {
		file := exported(t, data)
		s := newStore(t)
		e, err := s.Import(bytes.NewReader(file), ImportOptions{})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		got, _, err := s.Get(e.Digest)
		if err != nil || !bytes.Equal(got, data) || !e.Brought || !cmp.Equal(e.Origins, []Origin{from("r1")}) {
			t.Errorf("%s: %+v, %v", what, e, err)
		}
		if again, err := s.Import(bytes.NewReader(file), ImportOptions{Digest: e.Digest}); err != nil || !cmp.Equal(again, e) {
			t.Errorf("%s again: %+v, %v", what, again, err)
		}
	}
}

func TestBareStates(t *testing.T) {
	s, data := newStore(t), model(t, 1)
	name := filepath.Join(t.TempDir(), "model.state")
	must(t, os.WriteFile(name, data, 0o600))
	if e, err := s.ImportFile(name, ImportOptions{}); err != nil || e.Form != Container || !e.Brought {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := s.Import(strings.NewReader("opaque"), ImportOptions{}); !is[*ImportError](err) {
		t.Error(err)
	}
	want := container.DigestOf([]byte("opaque"))
	for _, digest := range []string{want, hexOf(want)} {
		if e, err := s.Import(strings.NewReader("opaque"), ImportOptions{Digest: digest}); err != nil || e.Form != Opaque {
			t.Errorf("%+v, %v", e, err)
		}
	}
	if _, err := s.ImportFile(filepath.Join(t.TempDir(), "none"), ImportOptions{}); err == nil {
		t.Error("a file that is not there")
	}
}

func TestImportRefuses(t *testing.T) {
	good := exported(t, model(t, 1))
	header, body, _ := bytes.Cut(good[len(exportLine):], []byte("\n"))
	broken := bytes.Clone(model(t, 1))
	broken[len(broken)-1] ^= 1
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	line := func(meta string, data []byte) []byte { return append([]byte(exportLine+meta+"\n"), data...) }
	for what, tt := range map[string]struct {
		file    []byte
		options ImportOptions
		digest  bool
	}{
		"a changed byte":       {file: flipped, digest: true},
		"another digest":       {file: good, options: ImportOptions{Digest: container.DigestOf(nil)}, digest: true},
		"bare, another digest": {file: model(t, 2), options: ImportOptions{Digest: container.DigestOf(nil)}, digest: true},
		"cut":                  {file: good[:len(good)-1]},
		"longer":               {file: append(bytes.Clone(good), 0)},
		"no second line":       {file: []byte(exportLine + "{}")},
		"no entry":             {file: line("{}", body)},
		"an entry of another":  {file: line(strings.ReplaceAll(string(header), `"digest":"sha256:`, `"digest":"sha256:ff`), body)},
		"a broken container":   {file: broken},
		"broken as exported":   {file: exported(t, broken)},
		"too long":             {file: good, options: ImportOptions{MaxBytes: 10}},
		"nothing":              {},
		"a path in the digest": {file: line(`{"digest":"sha256:../../x","bytes":0}`, nil)},
	} {
		s := newStore(t)
		_, err := s.Import(bytes.NewReader(tt.file), tt.options)
		if tt.digest && !is[*DigestError](err) || !tt.digest && !is[*ImportError](err) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(s.dir); err == nil {
			t.Errorf("%s: something was written", what)
		}
	}
}

// FuzzImport: what is taken is in the store under its digest.
func FuzzImport(f *testing.F) {
	data := model(f, 1)
	packed, err := pack(data, describe(data))
	must(f, err)
	f.Add(packed)
	f.Add(data)
	f.Add([]byte(exportLine + `{"digest":"sha256:` + strings.Repeat("0", 64) + `","bytes":1,"origins":[{}]}` + "\nx"))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, claimed, err := unpack(file, "")
		if err != nil {
			return
		}
		if claimed.Digest != "" && claimed.Digest != container.DigestOf(got) || len(claimed.Origins) > MaxOrigins {
			t.Errorf("%+v is taken", claimed)
		}
		Describe(got)
		Compare(data, got)
	})
}
