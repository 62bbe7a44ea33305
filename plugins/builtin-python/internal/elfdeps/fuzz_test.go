// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// FuzzSymbols reads the symbols of a library in each way.
func FuzzSymbols(f *testing.F) {
	for _, plain := range []bool{false, true} {
		f.Add(fakeenv.Library{
			Needed: []string{"b"}, Wants: map[string][]string{"b": {"B_1"}}, Offers: []string{"A_1"},
			Defines: []string{"f@A_1", "g"}, Uses: []string{"h@B_1", "i"}, Plain: plain,
		}.Bytes())
	}
	dir := f.TempDir()
	target := &fact.Target{Root: dir, OS: "linux"}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, "x.so"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		wanted := 0
		_ = eachWanted(target, "/x.so", func(string) bool { return true }, func(w want) {
			if wanted++; len(w.name) == 0 {
				t.Error("a symbol without a name")
			}
		})
		if e, err := readExports(target, "/x.so"); err == nil {
			e.has([]byte("f"), "A_1")
			e.has([]byte("h"), "")
		}
	})
}
