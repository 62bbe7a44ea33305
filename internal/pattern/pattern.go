// SPDX-License-Identifier: Apache-2.0

// Package pattern holds regular expressions back until they are used. A run of
// the host, and of each plugin it starts, needs few of those that the program
// has, and compiling all of them at its start would cost more than its work.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy is regexp.MustCompile at the first call of what it returns, which may be
// called by several goroutines at once. A wrong expression panics there, so that
// a test must use each.
func Lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
