// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// maxPolicy bounds the text of a policy, in bytes.
const maxPolicy = 1 << 20

// Policy is what is agreed to without asking, as a file says it.
type Policy struct {
	Name    string // of the file
	accepts []accept
}

// accept is one block of a policy.
type accept struct {
	Plugins string   `hcl:"plugins,label"`
	Grants  []string `hcl:"grants"`

	grants []manifest.Grant
}

// ParsePolicy reads a policy. Errors name file and line.
func ParsePolicy(name string, text []byte) (*Policy, error) {
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, len(text), maxPolicy)
	}
	file, diags := hclparse.NewParser().ParseHCL(text, name)
	if diags.HasErrors() {
		return nil, first(diags)
	}
	var body struct {
		Accepts []accept `hcl:"accept,block"`
	}
	if diags := gohcl.DecodeBody(file.Body, nil, &body); diags.HasErrors() {
		return nil, first(diags)
	}
	for i := range body.Accepts {
		if err := body.Accepts[i].read(); err != nil {
			return nil, fmt.Errorf("%s: accept %q: %w", name, body.Accepts[i].Plugins, err)
		}
	}
	return &Policy{Name: name, accepts: body.Accepts}, nil
}

// first is one line about what is wrong.
func first(diags hcl.Diagnostics) error {
	d := diags[0]
	return fmt.Errorf("%s: %s; %s A policy has blocks accept \"NAMESPACE/NAME\" { grants = [\"KIND VALUE\", ...] }", d.Subject, d.Summary, d.Detail)
}

// read checks the block and takes its grants apart.
func (a *accept) read() error {
	if _, err := path.Match(a.Plugins, "a/b"); err != nil || !strings.Contains(a.Plugins, "/") {
		return fmt.Errorf("give NAMESPACE/NAME, where * stands for any rest of either")
	}
	for _, text := range a.Grants {
		g, err := manifest.ParseGrant(text)
		if err != nil {
			return err
		}
		a.grants = append(a.grants, g)
	}
	return nil
}

// rest are the changes that the policy does not accept, each with the grants that
// are left.
func (p *Policy) rest(changes []Change) (out []Change) {
	for _, c := range changes {
		var left []manifest.Grant
		for _, g := range c.Asks {
			if !p.allows(c.ID, g) {
				left = append(left, g)
			}
		}
		if len(left) > 0 {
			c.Asks = left
			out = append(out, c)
		}
	}
	return out
}

// allows reports whether a block lets a plugin have a grant, or more than that.
func (p *Policy) allows(id string, g manifest.Grant) bool {
	if p == nil {
		return false
	}
	for _, a := range p.accepts {
		if ok, _ := path.Match(a.Plugins, id); !ok {
			continue
		}
		if slices.ContainsFunc(a.grants, func(have manifest.Grant) bool { return have.Covers(g) }) {
			return true
		}
	}
	return false
}
