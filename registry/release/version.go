// SPDX-License-Identifier: Apache-2.0

package release

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// Bounds on a version, so that every implementation can hold it: the parts fit
// in a float64 without loss.
const (
	maxVersion = 64 // bytes
	maxDigits  = 15 // of one number
)

// CheckVersion reports what is wrong with the version of a release: it is
// MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-PRERELEASE of Semantic Versioning 2.0.0,
// without build metadata, which would make two releases of one version. Letters
// are lower case, since versions become names of files on systems that know no
// case.
func CheckVersion(s string) error {
	core, _, _ := strings.Cut(s, "-")
	switch {
	case len(s) > maxVersion || !semver.IsValid("v"+s) || strings.Count(core, ".") != 2:
		return fmt.Errorf("version %s: use MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-PRERELEASE, at most %d characters", quote(s), maxVersion)
	case strings.Contains(s, "+"):
		return fmt.Errorf("version %s has build metadata; leave out what follows the +", quote(s))
	case s != strings.ToLower(s):
		return fmt.Errorf("version %s has upper-case letters; write it as %s", quote(s), strings.ToLower(s))
	case longNumber(s):
		return fmt.Errorf("version %s has a number of more than %d digits", quote(s), maxDigits)
	}
	return nil
}

func longNumber(s string) bool {
	run := 0
	for _, r := range s {
		if r < '0' || r > '9' {
			run = 0
			continue
		}
		if run++; run > maxDigits {
			return true
		}
	}
	return false
}

// Compare orders two valid versions by the precedence of Semantic Versioning:
// -1 when a is older than b, 0 when they are equal, 1 when a is newer.
func Compare(a, b string) int { return semver.Compare("v"+a, "v"+b) }

// Prerelease reports whether a valid version is a pre-release.
func Prerelease(s string) bool { return strings.Contains(s, "-") }
