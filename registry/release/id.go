// SPDX-License-Identifier: Apache-2.0

package release

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

var (
	namespaceForm = pattern.Lazy(`^[a-z][a-z0-9-]{0,38}$`)
	nameForm      = pattern.Lazy(`^[a-z][a-z0-9-]{0,62}$`)
)

// reserved are the namespaces that nobody can have: the roles of TUF, the
// plugins that the host brings, and the platform of plugins without machine
// code.
var reserved = []string{"root", "targets", "snapshot", "timestamp", "builtin", Any}

// ParseID reads "NAMESPACE/NAME".
func ParseID(s string) (ID, error) {
	namespace, name, ok := strings.Cut(s, "/")
	if !ok {
		return ID{}, fmt.Errorf("plugin %s: write it as NAMESPACE/NAME, such as acme/scaler", quote(s))
	}
	id := ID{Namespace: namespace, Name: name}
	return id, id.Validate()
}

// String is "NAMESPACE/NAME".
func (id ID) String() string { return id.Namespace + "/" + id.Name }

// Validate checks both parts.
func (id ID) Validate() error {
	if err := CheckNamespace(id.Namespace); err != nil {
		return err
	}
	if !nameForm().MatchString(id.Name) {
		return fmt.Errorf("plugin name %s: use lower-case letters, digits and dashes, a letter first, at most 63", quote(id.Name))
	}
	return nil
}

// CheckNamespace checks the name of a publisher.
func CheckNamespace(s string) error {
	if !namespaceForm().MatchString(s) {
		return fmt.Errorf("namespace %s: use lower-case letters, digits and dashes, a letter first, at most 39", quote(s))
	}
	if slices.Contains(reserved, s) {
		return fmt.Errorf("namespace %q is reserved; choose another", s)
	}
	return nil
}
