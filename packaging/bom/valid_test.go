// SPDX-License-Identifier: Apache-2.0

package bom

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// judge holds both documents to what their authors publish: the JSON schema of
// CycloneDX, read strictly, and the validator of SPDX.
const judge = `
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
wrong = [str(m.validation_message) for m in validate_full_spdx_document(parse_file(sys.argv[1]))]
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[2]).read())
if error: wrong.append(str(error))
sys.exit("\n".join(wrong) or 0)
`

// TestValid asks the validators of both forms, from PyPI.
func TestValid(t *testing.T) {
	if os.Getenv("BULKHEAD_LONG_TESTS") == "" {
		t.Skip("installs validators: set BULKHEAD_LONG_TESTS=1")
	}
	dir := t.TempDir()
	python := filepath.Join(dir, "venv", "bin", "python")
	if runtime.GOOS == "windows" {
		python = filepath.Join(dir, "venv", "Scripts", "python.exe")
	}
	command(t, "python3", "-m", "venv", filepath.Join(dir, "venv"))
	command(t, python, "-m", "pip", "install", "--quiet", "cyclonedx-python-lib[json-validation]==11.5.0", "spdx-tools==0.8.3")
	b := sample(t)
	spdx, err := b.SPDX()
	if err != nil {
		t.Fatal(err)
	}
	cdx, err := b.CycloneDX()
	if err != nil {
		t.Fatal(err)
	}
	command(t, python, "-c", judge, keep(t, dir, "x.spdx.json", spdx), keep(t, dir, "x.cdx.json", cdx))
}

func keep(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
