// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package pipeline

import "errors"

// exchange is not there on this system.
func exchange(string, string) error { return errors.ErrUnsupported }
