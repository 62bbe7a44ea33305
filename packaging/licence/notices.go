// SPDX-License-Identifier: Apache-2.0

package licence

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// rule stands between the parts of the notices.
const rule = "--------------------------------------------------------------------------------"

// Notices is the file that goes with a release: the texts of all licences that its
// libraries ask to pass on, and their NOTICE files. goRoot adds the licence of Go's
// own libraries, which each executable contains.
func Notices(modules []Module, goRoot string) ([]byte, error) {
	std, err := Read(goRoot)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, "Bulkhead contains the libraries below. Each stands under its own licence.")
	fmt.Fprintln(&out)
	for _, m := range modules {
		fmt.Fprintf(&out, "  %s %s (%s)\n", m.Path, m.Version, m.Licence())
	}
	fmt.Fprintf(&out, "  the standard library of Go (%s)\n", Expression(std))
	for _, m := range modules {
		if err := section(&out, m.Path+" "+m.Version, m.Dir, m.Texts); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), section(&out, "the standard library of Go", goRoot, std)
}

// section writes the texts of one library.
func section(out *bytes.Buffer, title, dir string, texts []Text) error {
	notices, err := noticeFiles(dir)
	if err != nil {
		return err
	}
	for _, t := range append(texts, notices...) {
		fmt.Fprintf(out, "\n%s\n%s: %s\n%s\n\n%s\n", rule, title, t.Name, rule, strings.TrimSpace(string(t.Body)))
	}
	return nil
}

// noticeFiles reads the notices that Apache-2.0 asks to pass on.
func noticeFiles(dir string) ([]Text, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Text
	for _, e := range entries {
		if e.IsDir() || !strings.HasPrefix(strings.ToUpper(e.Name()), "NOTICE") {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, Text{Name: e.Name(), Body: bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))})
	}
	return out, nil
}
