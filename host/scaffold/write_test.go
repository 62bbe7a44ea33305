// SPDX-License-Identifier: Apache-2.0

package scaffold_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/scaffold"
)

// Where no project can be made, the error names the directory and the next step, and
// nothing is left.
func TestPlaces(t *testing.T) {
	p, err := scaffold.New(scaffold.Options{Kind: scaffold.Check, Name: "few-cpus", Language: scaffold.Go})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{file, filepath.Join(file, "below")} {
		err := p.Write(at)
		place, ok := errors.AsType[*scaffold.PlaceError](err)
		if !ok || place.Path != at || !strings.Contains(err.Error(), "--dir") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// A project that cannot be made whole is not left in part.
func TestNothingIsLeftInPart(t *testing.T) {
	p, err := scaffold.New(scaffold.Options{Kind: scaffold.Check, Name: "few-cpus", Language: scaffold.Go})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "deep", "er")
	for i := range p.Files {
		p.Files[i].Name = "new/" + p.Files[i].Name
	}
	last := &p.Files[len(p.Files)-1]
	last.Name = p.Files[0].Name + "/below" // a file is in its way, once it is there
	if err := p.Write(dir); err == nil {
		t.Fatal("it was written")
	}
	if list, err := os.ReadDir(filepath.Dir(filepath.Dir(dir))); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// A project is not named after what it needs.
func TestNamesOfDistributions(t *testing.T) {
	for language, bad := range map[string]bool{scaffold.Python: true, scaffold.Go: false} {
		_, err := scaffold.New(scaffold.Options{Kind: scaffold.Kernel, Name: "pyarrow", Language: language})
		if _, ok := errors.AsType[*scaffold.OptionError](err); ok != bad {
			t.Errorf("%s: %v", language, err)
		}
	}
}
