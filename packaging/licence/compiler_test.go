// SPDX-License-Identifier: Apache-2.0

package licence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// start is the beginning of a file of glibc's start code, as glibc breaks it.
const start = `/* Startup code compliant to the ELF x86-64 ABI.
   Copyright (C) A
   The GNU C Library is free software; you can redistribute it and/or
   modify it under the terms of the GNU Lesser General Public
   License as published by the Free Software Foundation; either
   version 2.1 of the License, or (at your option) any later version.

   In addition, A gives you unlimited
   permission to link the compiled version of this file with other
   programs. */
	.text
`

// compilerAt makes a directory as that of Zig.
func compilerAt(t *testing.T, code string) string {
	t.Helper()
	dir := library(t, map[string]string{"LICENSE": mit})
	file := filepath.Join(dir, filepath.FromSlash(startCode))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCompiler(t *testing.T) {
	parts, err := Compiler(compilerAt(t, start), "1.2.3")
	if err != nil || len(parts) != 2 {
		t.Fatalf("%v, %v", parts, err)
	}
	if parts[0].Path != Zig || parts[0].Version != "1.2.3" || parts[0].Licence() != "MIT" {
		t.Errorf("%+v", parts[0])
	}
	if parts[1].Path != Start || parts[1].Licence() != StartLicence || !strings.HasPrefix(string(parts[1].Texts[0].Body), "Startup code") || strings.Contains(string(parts[1].Texts[0].Body), ".text") {
		t.Errorf("%+v", parts[1])
	}
	if err := Check(parts); err != nil {
		t.Error(err)
	}
}

// TestCompilerRefusals: the LGPL without its exception may not be in a release, and
// what nobody knows is an error.
func TestCompilerRefusals(t *testing.T) {
	bare, _, _ := strings.Cut(start, "In addition")
	parts, err := Compiler(compilerAt(t, bare+"*/"), "1")
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(parts); err == nil || !strings.Contains(err.Error(), "LGPL") {
		t.Errorf("without the exception: %v", err)
	}
	for name, code := range map[string]string{"another text": "/* All rights reserved. */", "no end": strings.ReplaceAll(start, "*/", ""), "empty": ""} {
		if _, err := Compiler(compilerAt(t, code), "1"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Compiler(t.TempDir(), "1"); err == nil {
		t.Error("a directory without a compiler is accepted")
	}
	if _, err := Compiler(library(t, map[string]string{"LICENSE": mit}), "1"); err == nil {
		t.Error("a compiler without start code is accepted")
	}
}
