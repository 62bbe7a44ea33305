// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
)

// Ingredient is one thing that an outcome depends on, such as {"config", "{}"}
// or {"input", "sha256:..."}. Values are shown to people by Explain, so that long
// ones are best given by their digest.
type Ingredient struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Key names an outcome by all that it depends on.
type Key [sha256.Size]byte

// keyForm is what the hash of a key begins with, and its version.
const keyForm = "bulkhead artifact key 1\n"

// KeyOf hashes ingredients. Their order does not matter, except among those of
// one name. See the package doc for the bytes.
func KeyOf(ingredients []Ingredient) Key {
	h := sha256.New()
	_, _ = io.WriteString(h, keyForm)
	word := func(s string) {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		_, _ = io.WriteString(h, s)
	}
	for _, i := range byName(ingredients) {
		word(i.Name)
		word(i.Value)
	}
	return Key(h.Sum(nil))
}

// byName sorts a copy by name and keeps the order of those with one name.
func byName(ingredients []Ingredient) []Ingredient {
	out := slices.Clone(ingredients)
	slices.SortStableFunc(out, func(a, b Ingredient) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// ParseKey reads the 64 hexadecimal digits of String.
func ParseKey(text string) (Key, error) {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != sha256.Size {
		return Key{}, fmt.Errorf("%q is no key of an artifact, which has %d hexadecimal digits", text, 2*sha256.Size)
	}
	return Key(data), nil
}

// String is the key in 64 lower-case hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// MarshalText is String.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is ParseKey.
func (k *Key) UnmarshalText(text []byte) error {
	parsed, err := ParseKey(string(text))
	if err == nil {
		*k = parsed
	}
	return err
}
