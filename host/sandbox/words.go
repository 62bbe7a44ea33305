// SPDX-License-Identifier: Apache-2.0

package sandbox

import "fmt"

func pick(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

func amount(n, unit uint64, suffix string) string {
	if n == Unlimited {
		return "unlimited"
	}
	return fmt.Sprintf("%d%s", n/unit, suffix)
}
