// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package fact

import (
	"errors"
	"io/fs"
)

// identityOf fails: nothing here tells of every change of a file, so no facts
// are kept.
func identityOf(fs.FileInfo) (identity, bool) { return identity{}, false }

func identityAt(string) (identity, error) {
	return identity{}, errors.New("files have no identity on this system")
}
