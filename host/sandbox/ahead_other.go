// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

// Ahead is what a launch can begin with before its program has been looked at: on
// this system nothing.
type Ahead struct{}

// Anticipate begins with a launch that is going to follow.
func Anticipate(*Spec) *Ahead { return nil }

// Close lets go of what no launch has taken.
func (*Ahead) Close() {}
