// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// maxSize is the largest size, in bytes.
const maxSize = 1 << 50

// ParseSize reads a number of bytes with its unit, such as "512MiB" (2^20) or
// "1.5GB" (10^9). A number without a unit is refused: it could mean either.
func ParseSize(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text[len(text)-1:], "0123456789.") == "" {
		return 0, errors.New("it has no unit")
	}
	n, err := parseBytes(text)
	if err != nil {
		return 0, errors.New("it is not a number with a unit")
	}
	if bytes, _ := n.Uint64(); n.IsInt() && bytes > 0 && bytes <= maxSize {
		return bytes, nil
	}
	return 0, fmt.Errorf("it is not a whole number of bytes from 1 to %d TiB", maxSize>>40)
}

// size reads a limit, or its default; zero when there is none.
func (s section) size(limit sizeLimit) uint64 {
	v, ok := s.value(limit.name, cty.String)
	if !ok {
		fallback, _ := ParseSize(limit.fallback)
		return fallback
	}
	n, err := ParseSize(v.AsString())
	if err != nil {
		s.l.errorf(s.rangeFor(limit.name), "Invalid size", "%q takes a size with its unit such as \"512MiB\" or \"1GB\", not %q: %v.",
			limit.name, shorten(v.AsString()), err)
		return 0
	}
	least, _ := ParseSize(limit.least)
	most, err := ParseSize(limit.most)
	if n < least || err == nil && n > most {
		s.l.errorf(s.rangeFor(limit.name), "Size out of range", "%q cannot be %q. %s", limit.name, shorten(v.AsString()), limit.bounds())
		return 0
	}
	return n
}
