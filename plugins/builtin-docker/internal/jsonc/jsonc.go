// SPDX-License-Identifier: Apache-2.0

// Package jsonc turns JSON with comments and trailing commas, as it stands in
// devcontainer.json, into plain JSON of the same length: what is taken out
// becomes spaces, so that offsets and lines stay as they are.
//
// Reference: https://containers.dev/implementors/json_reference/ and
// https://code.visualstudio.com/docs/languages/json#_json-with-comments
package jsonc

import "bytes"

// Plain returns the JSON text; a byte order mark becomes spaces too. Text that is
// neither stays wrong and is left to the reader of JSON to refuse.
func Plain(data []byte) []byte {
	out := bytes.Clone(data)
	if bytes.HasPrefix(out, []byte("\xef\xbb\xbf")) {
		blank(out[:3])
	}
	comma := -1 // the last comma with nothing but space behind it
	for i := 0; i < len(out); {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			i = endOfString(out, i)
			continue
		case c == '/' && i+1 < len(out) && (out[i+1] == '/' || out[i+1] == '*'):
			end := endOfComment(out, i)
			blank(out[i:end])
			i = end
			continue
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			out[comma] = ' '
			comma = -1
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			comma = -1
		}
		i++
	}
	return out
}

func endOfString(s []byte, start int) int {
	for i := start + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"', '\n':
			return i + 1
		}
	}
	return len(s)
}

func endOfComment(s []byte, start int) int {
	mark, length := []byte("\n"), 0
	if s[start+1] == '*' {
		mark, length = []byte("*/"), 2
	}
	if at := bytes.Index(s[start+2:], mark); at >= 0 {
		return start + 2 + at + length
	}
	return len(s)
}

// blank keeps line ends.
func blank(s []byte) {
	for i := range s {
		if s[i] != '\n' {
			s[i] = ' '
		}
	}
}

// Line returns the line, from 1, on which text first stands; 0 where it does not.
func Line(data []byte, text string) int {
	at := bytes.Index(data, []byte(text))
	if at < 0 {
		return 0
	}
	return 1 + bytes.Count(data[:at], []byte("\n"))
}
