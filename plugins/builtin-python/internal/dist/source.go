// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"encoding/json"
	"net/url"
	"strings"
)

// Source says where a distribution came from when that was no package index, as
// direct_url.json (PEP 610) has it.
type Source struct {
	// URL without user name and password.
	URL string `json:"url"`
	// Kind is "directory", "archive" or "vcs".
	Kind     string `json:"kind"`
	Editable bool   `json:"editable,omitempty"`
	// VCS is "git" and so on, Commit the revision that was installed.
	VCS    string `json:"vcs,omitempty"`
	Commit string `json:"commit,omitempty"`
}

// ParseDirectURL reads direct_url.json; nil when it is none.
func ParseDirectURL(data []byte) *Source {
	var d struct {
		URL     string `json:"url"`
		DirInfo *struct {
			Editable bool `json:"editable"`
		} `json:"dir_info"`
		VCSInfo *struct {
			VCS    string `json:"vcs"`
			Commit string `json:"commit_id"`
		} `json:"vcs_info"`
	}
	if json.Unmarshal(data, &d) != nil || d.URL == "" && d.DirInfo == nil {
		return nil
	}
	s := &Source{URL: withoutUser(d.URL), Kind: "archive"}
	switch {
	case d.DirInfo != nil:
		s.Kind, s.Editable = "directory", d.DirInfo.Editable
	case d.VCSInfo != nil:
		s.Kind, s.VCS, s.Commit = "vcs", d.VCSInfo.VCS, d.VCSInfo.Commit
	}
	return s
}

// Directory is the path of a source on the machine itself, "" for another.
func (s *Source) Directory() string {
	rest, ok := strings.CutPrefix(s.URL, "file://")
	if !ok || s.Kind != "directory" {
		return ""
	}
	if plain, err := url.PathUnescape(rest); err == nil {
		return plain
	}
	return rest
}

// withoutUser removes what may be a password. A URL that cannot be read is cut
// behind its scheme.
func withoutUser(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil {
		scheme, _, _ := strings.Cut(text, "://")
		return scheme + "://"
	}
	u.User, u.RawQuery = nil, "" // a query may hold a signature
	return u.String()
}

// ParseEntryPoints reads entry_points.txt: the names of each group but those of
// scripts, which say nothing about what a framework finds.
func ParseEntryPoints(data []byte) map[string][]string {
	out := map[string][]string{}
	group := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			group = strings.TrimSpace(strings.Trim(line, "[]"))
			continue
		}
		name, _, ok := strings.Cut(line, "=")
		if !ok || group == "" || group == "console_scripts" || group == "gui_scripts" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(out[group]) < maxEntryPoints && (len(out) < maxEntryPoints || out[group] != nil) {
			out[group] = append(out[group], strings.TrimSpace(name))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// maxEntryPoints bounds the groups, and the names of one.
const maxEntryPoints = 64
