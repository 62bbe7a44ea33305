// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// document is what every report can do.
type document interface {
	WriteJSON(io.Writer) error
	WriteText(io.Writer, Options) error
}

var documents = map[string]document{
	"doctor":         sick(),
	"doctor-judged":  judged(),
	"doctor-healthy": healthy(),
	"doctor-hostile": deceitful(),
	"run":            ran(),
	"run-failed":     broke(),
	"facts":          observed(),
	"failure":        failed(),
}

var variants = map[string]Options{
	"80":      {Width: 80},
	"60":      {Width: 60, ASCII: true},
	"color":   {Width: 80, Color: true},
	"verbose": {Width: 80, Verbose: true, Debug: true},
}

func TestTextGolden(t *testing.T) {
	for name, d := range documents {
		for variant, opt := range variants {
			t.Run(name+"/"+variant, func(t *testing.T) {
				var b bytes.Buffer
				if err := d.WriteText(&b, opt); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+variant+".txt", b.Bytes())
			})
		}
	}
}

func TestJSONGolden(t *testing.T) {
	for name, d := range documents {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".json", asJSON(t, d))
		})
	}
}

func asJSON(t judge, d document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// golden compares with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with: go test ./host/report -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
