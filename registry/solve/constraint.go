// SPDX-License-Identifier: Apache-2.0

package solve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"golang.org/x/mod/semver"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// maxConstraint bounds a constraint, in bytes.
const maxConstraint = 1000

// parseConstraint reads a constraint; the empty one is satisfied by every version.
func parseConstraint(text string) (version.Constraints, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > maxConstraint {
		return nil, fmt.Errorf("the constraint has %d bytes, more than %d", len(text), maxConstraint)
	}
	constraints, err := version.NewConstraint(text)
	if err != nil {
		return nil, fmt.Errorf("constraint %+.80q: write a list of versions with =, !=, >, >=, <, <= or ~>, such as \"~> 1.2, != 1.2.5\"", text)
	}
	return constraints, nil
}

// admits reports whether a version satisfies the constraints, pre-releases
// being as good as what they precede.
func admits(constraints version.Constraints, v *version.Version) bool {
	for _, c := range constraints {
		if !check(c, v) && !(v.Prerelease() != "" && admitsCore(c, v)) {
			return false
		}
	}
	return true
}

// admitsCore checks a pre-release as the version that it precedes, but for a
// constraint that names a pre-release of that very version.
func admitsCore(c *version.Constraint, v *version.Version) bool {
	return sibling(c, v) == "" && c.Check(v.Core())
}

// check is c.Check, but that two pre-releases of one version compare as Semantic
// Versioning says: alpha before alpha.beta, which the library has the other way.
func check(c *version.Constraint, v *version.Version) bool {
	named := sibling(c, v)
	if named == "" || !semver.IsValid("v0.0.0-"+named) {
		return c.Check(v)
	}
	order := semver.Compare("v0.0.0-"+v.Prerelease(), "v0.0.0-"+named)
	switch operator(c) {
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	case ">=", "~>":
		return order >= 0
	case "<=":
		return order <= 0
	}
	return order == 0
}

// sibling is the pre-release that a constraint names, when it is one of the
// version that v is a pre-release of; else empty.
func sibling(c *version.Constraint, v *version.Version) string {
	if v.Prerelease() == "" || !c.Prerelease() {
		return ""
	}
	named, err := version.NewVersion(operand(c))
	if err != nil || !named.Core().Equal(v.Core()) {
		return ""
	}
	return named.Prerelease()
}

const blanks = " \t\r\n\f\v"

// operator is the sign of a constraint, empty for none.
func operator(c *version.Constraint) string {
	text := strings.Trim(c.String(), blanks)
	return text[:len(text)-len(strings.TrimLeft(text, "<>=!~"))]
}

// operand is the version in a constraint.
func operand(c *version.Constraint) string {
	return strings.Trim(strings.TrimLeft(c.String(), blanks+"<>=!~"), blanks)
}

// names reports whether a constraint asks for a pre-release by naming one of the
// same version that admits it.
func names(constraints version.Constraints, v *version.Version) bool {
	return slices.ContainsFunc(constraints, func(c *version.Constraint) bool {
		return sibling(c, v) != "" && operator(c) != "!=" && check(c, v)
	})
}

// asksFor reports whether the want asks for a pre-release.
func (w *want) asksFor(c *candidate) bool {
	return !release.Prerelease(c.Version) || w.Prerelease || w.Pin == c.Version || names(w.constraints, c.parsed())
}
