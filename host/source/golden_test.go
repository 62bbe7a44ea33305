// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what comes out into testdata")

// goldenSpec is the part of a Spec that a golden file sets, in JSON.
type goldenSpec struct {
	Format, Target, ID string
	Types              map[string]string
	Nulls              []string
	Delimiter          string
	Sample             int64
}

// TestGoldens reads the files of testdata: the settings, the text, and what is
// made of it, which is columns and rows, or an error.
func TestGoldens(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d golden files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var g goldenSpec
			if err := json.Unmarshal(a.Files[0].Data, &g); err != nil {
				t.Fatal(err)
			}
			got := golden(t, g, string(a.Files[1].Data))
			if *update {
				a.Files = append(a.Files[:2], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if want := string(a.Files[2].Data); got != want {
				t.Errorf("it became\n%swant\n%s", got, want)
			}
		})
	}
}

// golden is what comes of a text.
func golden(t *testing.T, g goldenSpec, text string) string {
	t.Helper()
	spec := Spec{Path: write(t, text), Format: g.Format, Target: g.Target, ID: g.ID, Types: g.Types, Nulls: g.Nulls, sample: g.Sample}
	if g.Delimiter != "" {
		spec.Delimiter = rune(g.Delimiter[0])
	}
	shown := func(err error) string { return strings.ReplaceAll(err.Error(), spec.Path, "FILE") + "\n" }
	tab, err := Open(context.Background(), spec, nil)
	if err != nil {
		return shown(err)
	}
	var b strings.Builder
	for _, c := range tab.Columns() {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	fmt.Fprintf(&b, "%d rows, %d blank lines, exact %v\n", tab.Rows(), tab.BlankLines(), tab.Exact())
	for batch, err := range tab.Batches(context.Background()) {
		if err != nil {
			b.WriteString(shown(err))
			break
		}
		for row := range int(batch.NumRows()) {
			var cells []string
			for _, c := range batch.Columns() {
				cells = append(cells, fmt.Sprintf("%q", c.ValueStr(row)))
			}
			b.WriteString(strings.Join(cells, " ") + "\n")
		}
	}
	return b.String()
}
