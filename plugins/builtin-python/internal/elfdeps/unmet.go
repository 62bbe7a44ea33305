// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"slices"
	"strconv"
	"strings"
)

// Unmet lists the symbol versions that one file wants of libraries from outside
// the environment and that those do not define. What it needs of the
// environment's own libraries is not followed.
func (l *Loader) Unmet(file string) ([]Unmet, error) {
	o, err := l.object(file)
	if err != nil {
		return nil, err
	}
	w, n := l.begin(), &node{object: o}
	for _, name := range o.Needed {
		if len(o.Needs[name]) > 0 {
			w.need(n, name)
		}
	}
	return w.result.Unmet, nil
}

// newestLike is the newest of the versions that has the name of another:
// GLIBC_2.28 for GLIBC_2.32.
func newestLike(have map[string]bool, version string) string {
	family, _, _ := versionNumbers(version)
	var best string
	var newest []int
	for other := range have {
		name, numbers, ok := versionNumbers(other)
		if ok && name == family && slices.Compare(numbers, newest) > 0 {
			best, newest = other, numbers
		}
	}
	return best
}

// versionNumbers cuts "GLIBCXX_3.4.29"; false for names such as GLIBC_PRIVATE.
func versionNumbers(version string) (family string, numbers []int, ok bool) {
	at := strings.LastIndexByte(version, '_')
	if at < 0 {
		return "", nil, false
	}
	for part := range strings.SplitSeq(version[at+1:], ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return version[:at], nil, false
		}
		numbers = append(numbers, n)
	}
	return version[:at], numbers, true
}
