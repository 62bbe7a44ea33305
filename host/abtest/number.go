// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"encoding/json"
	"math"
	"strconv"
)

// Number is a measured number. In JSON it is null where there is none: NaN and
// the infinities.
type Number float64

// None is a number that could not be computed.
var None = Number(math.NaN())

// Known reports whether there is a number.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes the number or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(data []byte) error {
	*n = None
	if string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}

// String has four significant digits, "?" for none.
func (n Number) String() string {
	if !n.Known() {
		return "?"
	}
	return strconv.FormatFloat(float64(n), 'g', 4, 64)
}

// signed is String with a plus before what is not negative.
func (n Number) signed() string {
	if n >= 0 {
		return "+" + n.String()
	}
	return n.String()
}

func percent(share float64) string {
	return strconv.FormatFloat(share*100, 'g', 4, 64) + " %"
}
