// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"math"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Unlimited is the value of a limit that does not limit.
const Unlimited = -1

// Limit is one resource limit of a process.
type Limit struct {
	// Soft is in force, Hard is how far the process may raise it; both are
	// bytes or counts, as the resource has it, or Unlimited.
	Soft, Hard int64
	// Line of the limits file, from 1, and its text.
	Line int
	Text string
}

// Limits reads /proc/PID/limits by the names that the kernel prints ("Max open
// files").
func Limits(data []byte) map[string]Limit {
	out := map[string]Limit{}
	for n, line := range lines(data) {
		name, limit, ok := limitLine(line)
		if ok {
			limit.Line = n
			out[name] = limit
		}
	}
	return out
}

// limitRow matches a name, then the soft and the hard value.
var limitRow = pattern.Lazy(`^(Max [a-z -]*[a-z]) +(unlimited|\d+) +(unlimited|\d+)( |$)`)

func limitLine(line string) (string, Limit, bool) {
	m := limitRow().FindStringSubmatch(line)
	if m == nil {
		return "", Limit{}, false
	}
	return m[1], Limit{Soft: limitValue(m[2]), Hard: limitValue(m[3]), Text: strings.Join(strings.Fields(line), " ")}, true
}

// limitValue takes everything beyond a signed number as no limit.
func limitValue(text string) int64 {
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil || v > math.MaxInt64 {
		return Unlimited
	}
	return int64(v)
}
