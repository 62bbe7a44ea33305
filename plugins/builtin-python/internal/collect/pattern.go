// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled where it is first used: most
// environments have nothing that most of them are for, and each start would pay
// for all.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
