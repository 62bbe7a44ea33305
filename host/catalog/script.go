// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// ScriptError means that a plugin is a script in Python, and that no manifest says
// which Python runs it.
type ScriptError struct {
	Path string // of the script
	// Manifest is what stands beside it: "" for none, or why it does not do.
	Manifest string
}

// Error names the script and what its manifest has to say.
func (e *ScriptError) Error() string {
	name := filepath.Base(e.Path)
	why, file := e.Manifest, filepath.Join(filepath.Dir(e.Path), manifest.FileName)
	if why == "" {
		why = "there is no " + manifest.FileName + " beside it"
	}
	return fmt.Sprintf("%s is a script in Python, and %s; %s has to say \"executable\": %q and \"runtime\": {\"python\": \">=3.10\"}, "+
		"besides name, version, summary and licence: `bulkhead plugin new check NAME --lang python` makes one", e.Path, why, file, name)
}

// runnable refuses a script that no manifest gives an interpreter: the system would
// refuse it as no program, and not say what is missing. m is the manifest beside it,
// nil for none.
func runnable(name string, m *manifest.Manifest) error {
	if !isPython(name) {
		return nil
	}
	switch {
	case m == nil:
		return &ScriptError{Path: name}
	case m.Executable != filepath.Base(name):
		return &ScriptError{name, fmt.Sprintf("the %s beside it is for %q", manifest.FileName, m.Executable)}
	case m.Runtime == nil || m.Runtime.Python == "":
		return &ScriptError{name, fmt.Sprintf("the %s beside it has no \"runtime\"", manifest.FileName)}
	}
	return nil
}

// isPython reports whether a file is a script in Python by its name, or by its first
// line.
func isPython(name string) bool {
	if ext := strings.ToLower(filepath.Ext(name)); ext == ".py" || ext == ".pyw" {
		return true
	}
	file, err := os.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	first := make([]byte, 128)
	n, _ := io.ReadFull(file, first)
	line, _, _ := bytes.Cut(first[:n], []byte("\n"))
	return bytes.HasPrefix(line, []byte("#!")) && bytes.Contains(line, []byte("python"))
}
