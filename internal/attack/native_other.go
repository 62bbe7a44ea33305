// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package attack

// native are the attacks of this system alone: none yet.
func native() []Attack { return nil }
