// SPDX-License-Identifier: Apache-2.0

// Package pkgindex reads from which package indexes pip and uv install, out of
// pip.conf and uv.toml, and takes the passwords out of their addresses.
//
// Only the settings that choose an index are read, and of TOML only the part in
// which people write them: tables, strings, and lists of strings. What is
// written otherwise is left out, never guessed.
//
// Formats: https://pip.pypa.io/en/stable/topics/configuration/ and
// https://docs.astral.sh/uv/reference/settings/
package pkgindex

import (
	"net/url"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Setting is one address or switch.
type Setting struct {
	// Line of the file, from 1; 0 for a variable.
	Line int `json:"line,omitempty"`
	// Key as the tool spells it on its command line, without dashes before it:
	// index-url, extra-index-url, find-links, no-index, default-index, index.
	Key string `json:"key"`
	// Value without user and password.
	Value string `json:"value"`
}

// maxSettings bounds what is kept of a file.
const maxSettings = 100

var (
	pipKeys  = []string{"index-url", "extra-index-url", "find-links", "no-index"}
	uvKeys   = []string{"index-url", "extra-index-url", "find-links", "no-index", "default-index", "index"}
	sections = []string{"global", "install", "download", "wheel"}
)

// Pip reads a pip.conf: the sections that apply to installing. A value may go on
// in indented lines.
func Pip(data []byte) []Setting {
	var (
		out     []Setting
		section string
		key     string
	)
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r ")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case strings.HasPrefix(trimmed, "["):
			section, key = strings.ToLower(strings.Trim(trimmed, "[]")), ""
			continue
		case line[0] != ' ' && line[0] != '\t':
			key, trimmed = cutKey(trimmed)
		}
		if slices.Contains(sections, section) && slices.Contains(pipKeys, key) {
			out = appendValues(out, i+1, key, strings.Fields(trimmed))
		}
	}
	return out
}

// cutKey splits "key = value" or "key: value"; pip takes _ for - in keys.
func cutKey(line string) (key, value string) {
	at := strings.IndexAny(line, "=:")
	if at < 0 {
		return "", ""
	}
	key = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(line[:at])), "_", "-")
	return key, strings.TrimSpace(line[at+1:])
}

func appendValues(out []Setting, line int, key string, values []string) []Setting {
	for _, v := range values {
		if len(out) < maxSettings {
			out = append(out, Setting{Line: line, Key: key, Value: WithoutUser(v)})
		}
	}
	return out
}

var (
	table  = pattern.Lazy(`^\[{1,2}\s*([A-Za-z0-9_.-]+)\s*\]{1,2}$`)
	quoted = pattern.Lazy(`"([^"\\]*)"|'([^']*)'`)
)

// UV reads a uv.toml; with prefix "tool.uv" it reads a pyproject.toml.
func UV(data []byte, prefix string) []Setting {
	var out []Setting
	section, key := "", ""
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if m := table().FindStringSubmatch(line); m != nil {
			section, key = m[1], ""
			continue
		}
		value := line
		if key == "" {
			key, value = cutKey(line)
		}
		if name := uvKey(section, key, prefix); name != "" {
			out = appendValues(out, i+1, name, uvValues(value))
		}
		if open := strings.HasPrefix(value, "[") || value == line; !open || strings.Contains(withoutStrings(value), "]") {
			key = "" // a list goes on until its bracket
		}
	}
	return out
}

// uvKey names the setting of a key in a table; "" for what is no index.
func uvKey(section, key, prefix string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(section, prefix), ".")
	switch {
	case !strings.HasPrefix(section, prefix):
		return ""
	case rest == "index" && key == "url":
		return "index"
	case (rest == "" || rest == "pip") && slices.Contains(uvKeys, key):
		return key
	}
	return ""
}

// uvValues lists the strings of a value, or the word of a switch.
func uvValues(value string) []string {
	var out []string
	for _, m := range quoted().FindAllStringSubmatch(value, maxSettings) {
		out = append(out, m[1]+m[2])
	}
	if word, _, _ := strings.Cut(value, " "); out == nil && (word == "true" || word == "false") {
		out = append(out, word)
	}
	return out
}

func withoutStrings(value string) string { return quoted().ReplaceAllString(value, "") }

// WithoutUser replaces the user and the password of an address by ***, and drops
// its query, which may hold a token. Text that is no address loses everything
// before an "@".
func WithoutUser(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		if at := strings.LastIndexByte(value, '@'); at >= 0 {
			return "***@" + value[at+1:]
		}
		return value
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	if u.User != nil {
		u.User = nil
		return strings.Replace(u.String(), "://", "://***@", 1)
	}
	return u.String()
}
