// SPDX-License-Identifier: Apache-2.0

package bom

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// The shapes below are those of spdx.github.io/spdx-spec/v2.3, as far as a bill
// needs them.
type spdxDocument struct {
	Version       string             `json:"spdxVersion"`
	Licence       string             `json:"dataLicense"`
	ID            string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	Creation      spdxCreation       `json:"creationInfo"`
	Packages      []spdxPackage      `json:"packages"`
	Relationships []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name      string         `json:"name"`
	ID        string         `json:"SPDXID"`
	Version   string         `json:"versionInfo"`
	File      string         `json:"packageFileName,omitempty"`
	Supplier  string         `json:"supplier"`
	Download  string         `json:"downloadLocation"`
	Analyzed  bool           `json:"filesAnalyzed"`
	Checksums []spdxChecksum `json:"checksums,omitempty"`
	Concluded string         `json:"licenseConcluded"`
	Declared  string         `json:"licenseDeclared"`
	Copyright string         `json:"copyrightText"`
	Purpose   string         `json:"primaryPackagePurpose"`
	Refs      []spdxRef      `json:"externalRefs,omitempty"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// spdxForbidden are the characters that an SPDX identifier may not have.
var spdxForbidden = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func spdxID(kind, name string) string {
	return "SPDXRef-" + kind + "-" + spdxForbidden.ReplaceAllString(name, "-")
}

// SPDX writes the bill as SPDX 2.3.
func (b Bill) SPDX() ([]byte, error) {
	root := spdxID("File", b.Name)
	d := spdxDocument{
		Version: "SPDX-2.3", Licence: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: b.Name,
		Namespace:     fmt.Sprintf("https://github.com/bulkhead-ml/bulkhead/spdx/%s-%s", b.Name, b.Digest),
		Creation:      spdxCreation{b.stamp(), []string{"Tool: " + tool, "Organization: " + supplier}},
		Packages:      []spdxPackage{b.spdxOwn(root, b.Name, b.Digest, "ARCHIVE")},
		Relationships: []spdxRelationship{{"SPDXRef-DOCUMENT", "DESCRIBES", root}},
	}
	for _, p := range b.Parts {
		id := spdxID("Executable", p.Name)
		d.Packages = append(d.Packages, b.spdxOwn(id, p.Name, p.Digest, "APPLICATION"))
		d.Relationships = append(d.Relationships, spdxRelationship{root, "CONTAINS", id})
		for _, m := range p.Modules {
			d.Relationships = append(d.Relationships, spdxRelationship{id, "DEPENDS_ON", m.spdxID()})
		}
	}
	for _, m := range b.modules() {
		d.Packages = append(d.Packages, m.spdx())
	}
	return json.MarshalIndent(d, "", "  ")
}

// spdxOwn is a package that comes from us.
func (b Bill) spdxOwn(id, name, digest, purpose string) spdxPackage {
	return spdxPackage{
		Name: name, ID: id, Version: b.Version, File: name, Supplier: "Organization: " + supplier,
		Download: "https://github.com/bulkhead-ml/bulkhead/releases/tag/v" + b.Version, Checksums: []spdxChecksum{{"SHA256", digest}},
		Concluded: own, Declared: own, Copyright: "NOASSERTION", Purpose: purpose,
		Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", b.self()}},
	}
}

func (m Module) spdxID() string { return spdxID("Module", m.Path+"-"+m.Version) }

func (m Module) spdx() spdxPackage {
	return spdxPackage{
		Name: m.Path, ID: m.spdxID(), Version: m.Version, Supplier: "NOASSERTION", Download: m.download(),
		Concluded: m.Licence, Declared: m.Licence, Copyright: "NOASSERTION", Purpose: "LIBRARY",
		Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", m.URL()}},
	}
}

// download is where the source of the library is.
func (m Module) download() string {
	switch {
	case m.Path == "stdlib":
		return "https://go.dev/dl/go" + m.Version + ".src.tar.gz"
	case m.Project != "":
		return "https://pypi.org/project/" + m.Project + "/" + m.Version + "/"
	}
	return "https://pkg.go.dev/" + m.Path + "@" + m.Version
}
