// SPDX-License-Identifier: Apache-2.0

package licence

import (
	"bytes"
	"go/build"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Openings of well-known licences, broken as their files break them.
const (
	mit = "Copyright (c) 2020 A\n\nPermission is hereby granted, free of charge, to any person obtaining\na copy.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY\n"
	bsd = "Redistribution and use in source and binary\nforms, with or without modification, are permitted.\n"
	isc = "Permission to use, copy, modify, and/or distribute this software for any purpose is granted"
)

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"MIT", mit, []string{"MIT"}},
		{"two clauses", bsd, []string{"BSD-2-Clause"}},
		{"three clauses", bsd + "may be used to endorse or promote\nproducts derived", []string{"BSD-3-Clause"}},
		{"ISC", isc + ", provided that the above\ncopyright notice and this permission notice appear in all copies.", []string{"ISC"}},
		{"0BSD", isc + ".", []string{"0BSD"}},
		{"MPL", "Mozilla Public License, version 2.0\n1.12 \"Secondary License\" means the GNU General Public License, Version 2.0", []string{"MPL-2.0"}},
		{"Apache", "Apache License\nVersion 2.0, January 2004", []string{"Apache-2.0"}},
		{"GPL", "GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", []string{"GPL"}},
		{"AGPL", "GNU AFFERO GENERAL PUBLIC LICENSE\n   Version 3", []string{"AGPL"}},
		{"two in one file", "Apache License, Version 2.0\n" + mit, []string{"Apache-2.0", "MIT"}},
		{"Unlicense", "This is free and unencumbered software released\ninto the public domain.", []string{"Unlicense"}},
		{"none", "All rights reserved.", nil},
		{"empty", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Identify([]byte(c.text)); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// library makes a directory with files.
func library(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	texts, err := Read(library(t, map[string]string{
		"LICENSE": mit, "COPYING.txt": bsd, "license.go": "package x", "LICENSE.docs": "some other text", "LICENSE-LOGO": "a picture", "README": "GNU General Public License version 3",
	}))
	if err != nil || Expression(texts) != "BSD-2-Clause AND MIT" {
		t.Errorf("%q, %v", Expression(texts), err)
	}
	if _, err := Read(library(t, map[string]string{"README": mit})); err == nil {
		t.Error("a library without a licence is accepted")
	}
	if _, err := Read(library(t, map[string]string{"LICENSE": mit, "LICENSE-2": "Do as I say."})); err == nil || !strings.Contains(err.Error(), "LICENSE-2") {
		t.Errorf("a text that nobody knows: %v", err)
	}
}

func TestCheck(t *testing.T) {
	good := Module{Path: "a", Version: "v1", Texts: []Text{{IDs: []string{"MIT", "Apache-2.0"}}}}
	if err := Check([]Module{good}); err != nil {
		t.Error(err)
	}
	err := Check([]Module{good, {Path: "b", Version: "v2", Texts: []Text{{Name: "COPYING", IDs: []string{"MIT", "GPL"}}}}, {Path: "c", Texts: []Text{{IDs: []string{"AGPL"}}}}})
	if err == nil || !strings.Contains(err.Error(), "b v2 is under GPL (COPYING)") || !strings.Contains(err.Error(), "c ") {
		t.Errorf("%v", err)
	}
}

func TestNotices(t *testing.T) {
	dir := library(t, map[string]string{"LICENSE": mit, "NOTICE": "written by A\r\n"})
	texts, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Notices([]Module{{Path: "example.org/a", Version: "v1.0.0", Dir: dir, Texts: texts}}, build.Default.GOROOT)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  example.org/a v1.0.0 (MIT)\n", "example.org/a v1.0.0: NOTICE\n", "written by A\n", "THE SOFTWARE IS PROVIDED", "the standard library of Go (BSD-3-Clause)"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the notices lack %q", want)
		}
	}
	if bytes.Contains(text, []byte("\r")) {
		t.Error("line breaks of another system")
	}
}
