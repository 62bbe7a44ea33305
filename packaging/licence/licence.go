// SPDX-License-Identifier: Apache-2.0

// Package licence knows under which licences the libraries stand that a release
// of Bulkhead contains, and refuses those that do not go with its own.
//
// A licence is read from the texts that lie at the top of a library in the module
// cache, by sentences that only that licence has. A text that is not recognised
// is an error and no guess: somebody has to read it, and add it here. A library
// may carry several texts; all of them count.
//
// What is asked is the build itself (go list -deps), for each platform of a
// release: libraries that only tests use are no part of it.
package licence

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Allowed are the licences that a library of a release may have, by SPDX
// identifier. Each of them lets Bulkhead be given away under Apache-2.0, when the
// texts come along.
var Allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense", "blessing", StartLicence}

// StartLicence is that of glibc's start code: the LGPL, with the permission to link
// the code into any program and to give that away without restriction.
const StartLicence = "LGPL-2.1-or-later WITH GCC-exception-2.0-note"

// sign is how a licence is known: all words, in lower case with single spaces,
// stand in the text.
type sign struct {
	id    string
	words []string
}

// families are licences of which one contains the words of another: the first one
// of a family that fits counts. A text may hold licences of several families.
var families = [][]sign{
	{{"GPL", []string{"gnu general public license version"}}},
	{{"LGPL", []string{"gnu lesser general public license version"}}},
	{
		{StartLicence, []string{"gnu lesser general public license as published", "version 2.1 of the license, or (at your option) any later version", "unlimited permission to link the compiled version of this file with other programs"}},
		{"LGPL", []string{"gnu lesser general public license as published"}},
	},
	{{"AGPL", []string{"gnu affero general public license version"}}},
	{{"MPL-2.0", []string{"mozilla public license", "version 2.0"}}},
	{{"Apache-2.0", []string{"apache license", "version 2.0"}}},
	{{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}}},
	{
		{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "endorse or promote products"}},
		{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
	},
	{
		{"ISC", []string{"permission to use, copy, modify, and/or distribute this software", "the above copyright notice and this permission notice appear"}},
		{"ISC", []string{"permission to use, copy, modify, and distribute this software", "the above copyright notice and this permission notice appear"}},
		{"0BSD", []string{"permission to use, copy, modify, and/or distribute this software"}},
	},
	{{"blessing", []string{"sqlite is public domain"}}},
	{{"MIT", []string{"permission is hereby granted, free of charge", "the software is provided \"as is\""}}},
}

// Text is one licence file of a library.
type Text struct {
	Name string   // file name
	IDs  []string // SPDX identifiers, of all licences in the file
	Body []byte
}

// Identify names the licences in a text by their SPDX identifiers; none when the
// text is none that this package knows.
func Identify(text []byte) []string {
	plain := strings.Join(strings.Fields(strings.ToLower(string(text))), " ")
	var out []string
	for _, family := range families {
		for _, s := range family {
			if !slices.ContainsFunc(s.words, func(w string) bool { return !strings.Contains(plain, w) }) {
				out = append(out, s.id)
				break
			}
		}
	}
	return out
}

// Read finds the licence texts at the top of a library's directory, sorted by name.
// A library without one, or with one that is not recognised, is an error.
func Read(dir string) ([]Text, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Text
	for _, e := range entries {
		if e.IsDir() || !isLicenceFile(e.Name()) {
			continue
		}
		text, err := readText(dir, e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no licence text in %s", dir)
	}
	return out, nil
}

func readText(dir, name string) (Text, error) {
	body, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return Text{}, err
	}
	ids := Identify(body)
	if len(ids) == 0 {
		return Text{}, fmt.Errorf("the licence in %s is not recognised: read it, and add it to packaging/licence", filepath.Join(dir, name))
	}
	return Text{Name: name, IDs: ids, Body: bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))}, nil
}

// notForCode end the names of licence texts that concern pages and pictures of a
// library, which no executable contains.
var notForCode = []string{".go", ".docs", "-docs", "-logo"}

// isLicenceFile tells by its name whether a file holds a licence of code. NOTICE
// files are collected too, see Notices, but are no licence.
func isLicenceFile(name string) bool {
	stem := strings.ToLower(name)
	for _, suffix := range notForCode {
		if strings.HasSuffix(stem, suffix) {
			return false
		}
	}
	for _, prefix := range []string{"license", "licence", "copying", "unlicense"} {
		if strings.HasPrefix(stem, prefix) {
			return true
		}
	}
	return false
}

// Expression is the SPDX expression of several texts that hold together.
func Expression(texts []Text) string {
	var ids []string
	for _, t := range texts {
		ids = append(ids, t.IDs...)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " AND ")
}
