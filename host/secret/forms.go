// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// forms lists how a value may stand in a text, each form once.
func forms(value string) []string {
	out := []string{value}
	for _, line := range lines(value) {
		out = append(out, spellings(line)...)
	}
	out = append(out, spellings(value)...)
	slices.Sort(out)
	return slices.Compact(out)
}

// lines are the parts of a value with several lines that are secret, without the
// space around them, which programs strip. The frame of a PEM block is in every
// key.
func lines(value string) []string {
	var out []string
	for line := range strings.Lines(value) {
		line = strings.TrimSpace(line)
		if len(line) >= MinBytes && line != value && !strings.HasPrefix(line, "-----") {
			out = append(out, line)
		}
	}
	return out
}

// spellings are the encodings of one text, itself included.
func spellings(text string) []string {
	query, path := url.QueryEscape(text), url.PathEscape(text)
	out := []string{text, query, path, lowerEscapes(query), lowerEscapes(path)}
	out = append(out, quoted(strconv.Quote(text)), quoted(strconv.QuoteToASCII(text)))
	if encoded, err := json.Marshal(text); err == nil {
		out = append(out, quoted(string(encoded)), htmlPlain.Replace(quoted(string(encoded))))
	}
	digits := hex.EncodeToString([]byte(text))
	out = append(out, digits, strings.ToUpper(digits))
	for shift := range 3 {
		out = append(out, inBase64(base64.StdEncoding, text, shift), inBase64(base64.URLEncoding, text, shift))
	}
	return out
}

// htmlPlain undoes the escapes that only some JSON encoders make.
var htmlPlain = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// quoted strips the quotes of a literal.
func quoted(literal string) string { return literal[1 : len(literal)-1] }

// lowerEscapes turns %3A into %3a, which is as common.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// inBase64 is the part of an encoded text that depends on value alone, if shift
// bytes modulo 3 stand before it. At most one character at either end, which
// mixes its bits with a neighbour's, remains of the value.
func inBase64(encoding *base64.Encoding, value string, shift int) string {
	encoded := encoding.WithPadding(base64.NoPadding).EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
	first := (8*shift + 5) / 6 // the first character without bits of what stands before
	last := 8 * (shift + len(value)) / 6
	return encoded[first:last]
}
