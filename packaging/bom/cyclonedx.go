// SPDX-License-Identifier: Apache-2.0

package bom

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// The shapes below are those of cyclonedx.org/docs/1.6, as far as a bill needs
// them.
type cdxDocument struct {
	Format       string          `json:"bomFormat"`
	Spec         string          `json:"specVersion"`
	Serial       string          `json:"serialNumber"`
	Version      int             `json:"version"`
	Metadata     cdxMetadata     `json:"metadata"`
	Components   []cdxComponent  `json:"components"`
	Dependencies []cdxDependency `json:"dependencies"`
}

type cdxMetadata struct {
	Time      string       `json:"timestamp"`
	Tools     cdxTools     `json:"tools"`
	Component cdxComponent `json:"component"`
	Supplier  cdxSupplier  `json:"supplier"`
}

type cdxTools struct {
	Components []cdxComponent `json:"components"`
}

type cdxSupplier struct {
	Name string `json:"name"`
}

type cdxComponent struct {
	Type     string       `json:"type"`
	Ref      string       `json:"bom-ref,omitempty"`
	Name     string       `json:"name"`
	Version  string       `json:"version,omitempty"`
	Hashes   []cdxHash    `json:"hashes,omitempty"`
	Licences []cdxLicence `json:"licenses,omitempty"`
	URL      string       `json:"purl,omitempty"`
}

type cdxHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type cdxLicence struct {
	Expression string `json:"expression"`
}

type cdxDependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// CycloneDX writes the bill as CycloneDX 1.6.
func (b Bill) CycloneDX() ([]byte, error) {
	root := b.cdxOwn("file", b.Name, b.Digest)
	d := cdxDocument{
		Format: "CycloneDX", Spec: "1.6", Serial: b.serial(), Version: 1,
		Metadata: cdxMetadata{
			Time: b.stamp(), Component: root, Supplier: cdxSupplier{supplier},
			Tools: cdxTools{[]cdxComponent{{Type: "application", Name: tool, Version: b.Version}}},
		},
	}
	top := cdxDependency{Ref: root.Ref}
	var below []cdxDependency
	for _, p := range b.Parts {
		c := b.cdxOwn("application", p.Name, p.Digest)
		d.Components = append(d.Components, c)
		top.On = append(top.On, c.Ref)
		uses := cdxDependency{Ref: c.Ref}
		for _, m := range p.Modules {
			uses.On = append(uses.On, m.URL())
		}
		below = append(below, uses)
	}
	for _, m := range b.modules() {
		d.Components = append(d.Components, m.cdx())
	}
	d.Dependencies = append([]cdxDependency{top}, below...)
	return json.MarshalIndent(d, "", "  ")
}

// cdxOwn is a component that comes from us.
func (b Bill) cdxOwn(kind, name, digest string) cdxComponent {
	return cdxComponent{
		Type: kind, Ref: kind + ":" + name, Name: name, Version: b.Version,
		Hashes: []cdxHash{{"SHA-256", digest}}, Licences: []cdxLicence{{own}}, URL: b.self(),
	}
}

func (m Module) cdx() cdxComponent {
	return cdxComponent{Type: "library", Ref: m.URL(), Name: m.Path, Version: m.Version, Licences: []cdxLicence{{m.Licence}}, URL: m.URL()}
}

// serial is a UUID of version 8 (RFC 9562, section 5.8) made of the digest.
func (b Bill) serial() string {
	u := sha256.Sum256([]byte("bulkhead bill of materials\n" + b.Name + "\n" + b.Digest))
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
