// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package fact

import "errors"

func identityAt(string) (identity, error) {
	return identity{}, errors.New("files have no identity on this system")
}
