// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// go-tuf panics on metadata with null where it expects a target or a key. These
// two are the only ways to it for metadata that others made.

// parse reads metadata.
func parse[T metadata.Roles](data []byte) (m *metadata.Metadata[T], err error) {
	defer malformed(&err)
	return new(metadata.Metadata[T]).FromBytes(data)
}

// verifyBy checks the signatures of a role's metadata by those that delegate to it.
func verifyBy[T metadata.Roles](by *metadata.Metadata[T], role string, m any) (err error) {
	defer malformed(&err)
	return by.VerifyDelegate(role, m)
}

func malformed(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the metadata are malformed: null where a role, a key or a target must be (%v)", r)
	}
}
