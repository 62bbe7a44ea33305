// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Python is the path that stands for the Python environments of the user.
const Python = "${python}"

// Sink is the path that stands for the file that a sink of a pipeline names: the
// plugin gets it open, without its path, while the sink is written.
const Sink = "${sink}"

// Bounds on one path: far above what a machine has, far below what makes looking
// it up slow.
const (
	maxPath     = 4096 // bytes
	maxSegments = 64   // names between slashes
)

// process is the place of the examined process.
const process = "${process}"

var placePattern = pattern.Lazy(`^(~|\.|\$[A-Za-z_][A-Za-z0-9_]*|\$\{process\})(/|$)`)

func validatePath(kind, p string) error {
	if p == Python && (kind == Read || kind == Exec) || p == Sink && kind == Write {
		return nil
	}
	if !printable(p) {
		return fmt.Errorf("path %q: %w", p, errHidden)
	}
	place, rest := splitPlace(p)
	if len(p) > maxPath || len(segments(rest)) > maxSegments {
		return fmt.Errorf("path %.80q: it has more than %d bytes or %d names", p, maxPath, maxSegments)
	}
	if !path.IsAbs(rest) || path.Clean(rest) != rest || strings.ContainsRune(rest, '\\') {
		return fmt.Errorf("path %q: give a clean absolute path, or one that begins with ~/, ./, $NAME/ or ${process}/", p)
	}
	if err := validateGlobs(rest); err != nil {
		return fmt.Errorf("path %q: %w", p, err)
	}
	if reason := refusal(kind, place, rest); reason != "" {
		return fmt.Errorf("%s %q: %s", kind, p, reason)
	}
	return nil
}

// splitPlace cuts the word that a path begins with from an absolute rest: "~"
// and "/x", or "" and the path itself.
func splitPlace(p string) (place, rest string) {
	place = placePattern().FindString(p)
	if place == "" {
		return "", p
	}
	return strings.TrimSuffix(place, "/"), "/" + strings.TrimPrefix(p, place)
}

// validateGlobs refuses globs that no name matches, and those that look as if
// they crossed directories.
func validateGlobs(rest string) error {
	for _, segment := range segments(rest) {
		if _, err := path.Match(segment, ""); err != nil {
			return fmt.Errorf("the glob %q is not closed", segment)
		}
		if strings.Contains(segment, "**") {
			return fmt.Errorf("a glob matches inside one segment, so %q is no more than *", segment)
		}
	}
	return nil
}

// HasGlob reports whether a path may match several.
func HasGlob(p string) bool { return strings.ContainsAny(p, "*?[") }

// segments are the names of an absolute path; none of "/".
func segments(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// trees are paths, each by its segments: they are compared with every grant of
// every plugin whenever the host starts.
type trees [][]string

func treesOf(paths ...string) trees {
	out := make(trees, len(paths))
	for i, p := range paths {
		out[i] = segments(p)
	}
	return out
}

// refusal says why no plugin may have such a path; "" when it may.
func refusal(kind, place, rest string) string {
	switch {
	case place == "~" && len(named(rest)) == 0:
		return "this is the whole home directory; name what is needed in it"
	case place == "" && isWide(rest, wide):
		return "this is a directory of the whole system; name what is needed in it"
	}
	if reason := refuseProcess(place, rest); reason != "" {
		return reason
	}
	switch kind {
	case Read:
		return refuseRead(place, rest)
	case Write:
		return refuseWrite(place, rest)
	case Exec:
		return refuseExec(place, rest)
	case Device:
		return refuseDevice(place, rest)
	}
	return ""
}

// wide are directories that hold a whole system, or what all its users have.
var wide = treesOf(
	"/", "/dev", "/etc", "/home", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/srv", "/sys", "/tmp", "/usr", "/usr/local",
	"/var", "/var/lib", "/var/log", "/var/run", "/var/tmp", "/Applications", "/Library", "/System", "/Users", "/Volumes", "/private",
	"/home/*", "/Users/*",
)

// isWide reports whether a pattern matches one of the directories, or everything
// in one of them.
func isWide(pattern string, dirs trees) bool {
	have := named(pattern)
	return slices.ContainsFunc(dirs, func(want []string) bool {
		return len(have) == len(want) && overlap(have, want)
	})
}

// named are the segments of a pattern without those at its end that match every
// name.
func named(pattern string) []string {
	out := segments(pattern)
	for len(out) > 0 && MatchesAll(out[len(out)-1]) {
		out = out[:len(out)-1]
	}
	return out
}

// everyName matches globs that leave hardly a name out: they have no letter of
// their own, as * and [^x]*, or only the dot of hidden files.
var everyName = pattern.Lazy(`^\.?([*?]|\[[^]]*\])+$`)

// MatchesAll reports whether a glob of one segment stands for all that is in a
// directory, rather than for something in it.
func MatchesAll(segment string) bool { return everyName().MatchString(segment) }

// overlap reports whether the path that two patterns have in common can be the
// same: one then lies in the other.
func overlap(a, b []string) bool {
	for i := range min(len(a), len(b)) {
		if !meets(a[i], b[i]) {
			return false
		}
	}
	return true
}

// meets reports whether two patterns of one segment can be the same name. What
// makes no difference on some file system makes none here: the case of letters,
// and dots, spaces and the name of a stream at the end. A range such as [Z-f] has
// another meaning in lower case, so that each spelling counts.
func meets(x, y string) bool {
	if simple(x) && simple(y) {
		return strings.EqualFold(x, y)
	}
	return meetsInSomeSpelling(x, y)
}

func meetsInSomeSpelling(x, y string) bool {
	for _, spell := range []func(string) string{plain, strings.ToLower, strings.ToUpper, fold} {
		if a, b := spell(x), spell(y); matches(a, b) || matches(b, a) || matches(x, b) || matches(y, a) {
			return true
		}
	}
	return false
}

// simple reports whether a name has a single spelling but for the case of its
// letters, and is no pattern. Nearly every name is, and comparing it is cheap.
func simple(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf, c == '*', c == '?', c == '[', c == '\\', c == ':':
			return false
		}
	}
	return !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, " ")
}

func plain(s string) string { return s }

// fold brings a name into the form in which file systems compare it: the upper
// case of letters decides, since two of them, such as the long s, have no lower
// case of their own.
func fold(s string) string {
	if name, _, ok := strings.Cut(s, ":"); ok && !HasGlob(s) {
		s = name
	}
	return strings.TrimRight(strings.ToLower(strings.ToUpper(s)), ". ")
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// touches reports whether a pattern can be one of the paths, lie in one, or
// hold one.
func touches(pattern string, paths trees) bool {
	parts := segments(pattern)
	return slices.ContainsFunc(paths, func(p []string) bool { return overlap(parts, p) })
}

// within reports whether a pattern can be one of the paths or lie in one.
func within(pattern string, paths trees) bool {
	parts := segments(pattern)
	return slices.ContainsFunc(paths, func(p []string) bool { return len(parts) >= len(p) && overlap(parts, p) })
}
