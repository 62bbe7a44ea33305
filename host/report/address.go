// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
)

// MaxAddressBytes bounds the address of a fact.
const MaxAddressBytes = 4096

// CheckAddress returns an error when an address breaks the grammar of package
// fact:
//
//	address = word { "." word | "[" key "]" }
//	word    = one or more of a-z 0-9 "_" "-"
//	key     = one or more characters, where "%" is written "%25" and "]" "%5D"
//
// with a word first and last or a key last. Characters in a key that a
// terminal would obey are refused.
func CheckAddress(address string) error {
	if len(address) > MaxAddressBytes {
		return fmt.Errorf("the address has %d bytes; %d are allowed", len(address), MaxAddressBytes)
	}
	rest, err := cutWord(address)
	for err == nil && rest != "" {
		switch rest[0] {
		case '.':
			rest, err = cutWord(rest[1:])
		case '[':
			rest, err = cutKey(rest[1:])
		default:
			err = fmt.Errorf("%q follows a key without a dot", cut(CleanLine(rest), 20))
		}
	}
	if err != nil {
		return fmt.Errorf("%q is not a fact address: %w", cut(CleanLine(address), 60), err)
	}
	return nil
}

// cutWord takes a word from the beginning.
func cutWord(s string) (rest string, err error) {
	end := 0
	for end < len(s) && wordByte(s[end]) {
		end++
	}
	switch {
	case end == 0:
		return "", fmt.Errorf("a word of a-z, 0-9, _ and - is missing")
	case end < len(s) && s[end] != '.' && s[end] != '[':
		return "", fmt.Errorf("a word may hold a-z, 0-9, _ and - only")
	}
	return s[end:], nil
}

func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// cutKey takes a key and its closing bracket from the beginning.
func cutKey(s string) (rest string, err error) {
	key, rest, ok := strings.Cut(s, "]")
	switch {
	case !ok:
		return "", fmt.Errorf("a bracket is not closed")
	case key == "":
		return "", fmt.Errorf("a key is empty")
	case Clean(key) != key || strings.Contains(key, "\n"):
		return "", fmt.Errorf("a key holds control characters")
	}
	for i := 0; i < len(key); i++ {
		if key[i] == '%' && !strings.HasPrefix(key[i:], "%25") && !strings.HasPrefix(key[i:], "%5D") {
			return "", fmt.Errorf("a key holds %% that is not written %%25")
		}
	}
	return rest, nil
}

// WithoutKeys removes the keys from a well-formed address, which gives the
// address that a collector describes: "python.env[/opt/venv].version" is
// "python.env.version".
func WithoutKeys(address string) string {
	var b strings.Builder
	for {
		head, rest, ok := strings.Cut(address, "[")
		b.WriteString(head)
		if !ok {
			return b.String()
		}
		_, address, _ = strings.Cut(rest, "]")
	}
}
