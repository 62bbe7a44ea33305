// SPDX-License-Identifier: Apache-2.0

package bom

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func licences(path, _ string) (string, error) { return "MIT", nil }

// sample is the bill of an archive with this test in it: a real executable, whose
// libraries are what the linker wrote there.
func sample(t *testing.T) Bill {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err := File(name, licences)
	if err != nil {
		t.Fatal(err)
	}
	other := Executable{Name: "plugin_a", Digest: strings.Repeat("ab", 32), Go: "1.26.8", Modules: []Module{
		{Path: "github.com/Some/Library", Version: "v1.2.3", Licence: "MIT AND Apache-2.0"}, {Path: "stdlib", Version: self.Go, Licence: "BSD-3-Clause"},
		{Path: "ziglang", Version: "0.15.2", Licence: "MIT", Project: "ziglang"},
		{Path: "glibc-start", Version: "0.15.2", Licence: "LGPL-2.1-or-later WITH GCC-exception-2.0-note", Project: "ziglang"},
	}}
	return Bill{Name: "bulkhead_1.0.0_linux_amd64.tar.gz", Digest: strings.Repeat("01", 32), Version: "1.0.0", Time: time.Unix(1700000000, 0), Parts: []Executable{self, other}}
}

func TestRead(t *testing.T) {
	b := sample(t)
	if len(b.Parts[0].Digest) != 64 || !strings.HasPrefix(b.Parts[0].Go, "1.") {
		t.Errorf("digest %q, compiler %q", b.Parts[0].Digest, b.Parts[0].Go)
	}
	if _, err := Read("text", bytes.NewReader([]byte("#!/bin/sh\n")), licences); err == nil {
		t.Error("a script has a bill")
	}
	unknown := errors.New("no licence")
	name, _ := os.Executable()
	if _, err := File(name, func(string, string) (string, error) { return "", unknown }); err != nil && !errors.Is(err, unknown) {
		t.Error(err)
	}
}

// TestSPDX holds the document to the rules of SPDX 2.3 that a reader relies on:
// identifiers are of their form, once each, and every relation ends at one.
func TestSPDX(t *testing.T) {
	data, err := sample(t).SPDX()
	if err != nil {
		t.Fatal(err)
	}
	var d spdxDocument
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.Version != "SPDX-2.3" || d.Licence != "CC0-1.0" || d.Creation.Created != "2023-11-14T22:13:20Z" || strings.Contains(d.Namespace, "#") {
		t.Errorf("head %+v", d)
	}
	form, known := regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`), map[string]bool{d.ID: true}
	for _, p := range d.Packages {
		if !form.MatchString(p.ID) || known[p.ID] {
			t.Errorf("identifier %q", p.ID)
		}
		known[p.ID] = true
		if p.Download == "" || p.Concluded == "" || p.Supplier == "" || len(p.Refs) != 1 {
			t.Errorf("package %+v", p)
		}
	}
	described := 0
	for _, r := range d.Relationships {
		if !known[r.From] || !known[r.To] {
			t.Errorf("relation %+v ends nowhere", r)
		}
		if r.Type == "DESCRIBES" {
			described++
		}
	}
	if described != 1 {
		t.Errorf("%d things described", described)
	}
}

// TestCycloneDX holds the document to the rules of CycloneDX 1.6: references are
// unique and lead somewhere.
func TestCycloneDX(t *testing.T) {
	data, err := sample(t).CycloneDX()
	if err != nil {
		t.Fatal(err)
	}
	var d cdxDocument
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(d.Serial) || d.Format != "CycloneDX" || d.Spec != "1.6" {
		t.Errorf("head %+v", d)
	}
	known := map[string]bool{d.Metadata.Component.Ref: true}
	for _, c := range d.Components {
		if known[c.Ref] || len(c.Licences) != 1 {
			t.Errorf("component %+v", c)
		}
		known[c.Ref] = true
	}
	for _, dep := range d.Dependencies {
		for _, ref := range append(dep.On, dep.Ref) {
			if !known[ref] {
				t.Errorf("%q leads nowhere", ref)
			}
		}
	}
	if len(d.Dependencies) != 3 || !known["pkg:golang/github.com/some/library@v1.2.3"] {
		t.Errorf("dependencies %v, components %v", d.Dependencies, known)
	}
}

// TestSameBytes: a bill depends on nothing but what it describes.
func TestSameBytes(t *testing.T) {
	b, c := sample(t), sample(t)
	c.Time = c.Time.In(time.FixedZone("elsewhere", 12*3600))
	for name, encode := range map[string]func(Bill) ([]byte, error){"SPDX": Bill.SPDX, "CycloneDX": Bill.CycloneDX} {
		first, err := encode(b)
		if err != nil {
			t.Fatal(err)
		}
		second, err := encode(c)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s differs: %v", name, err)
		}
	}
	if c.Digest = strings.Repeat("02", 32); b.serial() == c.serial() {
		t.Error("two archives have one serial number")
	}
}
