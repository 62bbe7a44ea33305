// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"
)

// Sum is the SHA-256 of a file.
type Sum = [sha256.Size]byte

// H1 is the digest of files by their SHA-256: "h1:" and base64.
func H1(files map[string]Sum) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%x  %s\n", files[name], name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// ParseH1 is the SHA-256 in a digest "h1:...", which must be in its one spelling.
func ParseH1(h1 string) (Sum, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(h1, "h1:"))
	if err != nil || !strings.HasPrefix(h1, "h1:") || len(data) != sha256.Size || strings.ContainsAny(h1, "\r\n") {
		return Sum{}, fmt.Errorf("%q is no digest h1; it is h1: and 44 characters of base64", h1)
	}
	return Sum(data), nil
}

// HashDir is the digest of a directory's files, which are all taken.
func HashDir(dir string) (string, error) { return dirhash.HashDir(dir, "", dirhash.Hash1) }

// digest is a SHA-256 as manifests write it.
func digest(sum Sum) string { return fmt.Sprintf("sha256:%x", sum) }
