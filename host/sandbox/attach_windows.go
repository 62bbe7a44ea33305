// SPDX-License-Identifier: Apache-2.0

package sandbox

import "errors"

// watchForeign refuses: what serves on a socket of Windows cannot be told.
func watchForeign(int) (foreign, error) { return nil, errors.ErrUnsupported }
