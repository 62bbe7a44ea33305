// SPDX-License-Identifier: Apache-2.0

package locate

// plainJSON turns JSON with comments and trailing commas, as VS Code reads it,
// into JSON of the same length and with the same lines: what is dropped becomes
// spaces. The argument is changed.
func plainJSON(data []byte) []byte {
	comma := -1 // the last comma that nothing has followed
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == '"':
			comma, i = -1, stringEnd(data, i)
		case c == '/' && i+1 < len(data) && (data[i+1] == '/' || data[i+1] == '*'):
			end := commentEnd(data, i)
			blank(data[i:end])
			i = end
		default:
			comma = trailing(data, i, comma)
			i++
		}
	}
	return data
}

// trailing notes a comma and drops it when a bracket closes after it.
func trailing(data []byte, i, comma int) int {
	switch data[i] {
	case ',':
		return i
	case '}', ']':
		if comma >= 0 {
			data[comma] = ' '
		}
		return -1
	case ' ', '\t', '\r', '\n':
		return comma
	}
	return -1
}

// stringEnd is the offset behind the string that starts at i.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"', '\n':
			return i + 1
		}
	}
	return len(data)
}

// commentEnd is the offset behind the comment that starts at i.
func commentEnd(data []byte, i int) int {
	block := data[i+1] == '*'
	for i += 2; i < len(data); i++ {
		if !block && data[i] == '\n' {
			return i
		}
		if block && data[i] == '/' && data[i-1] == '*' {
			return i + 1
		}
	}
	return len(data)
}

// blank overwrites a comment, keeping its line ends.
func blank(data []byte) {
	for i, c := range data {
		if c != '\n' {
			data[i] = ' '
		}
	}
}
