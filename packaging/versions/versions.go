// SPDX-License-Identifier: Apache-2.0

// Package versions holds all places that name Bulkhead's version to one another.
//
// The one source is sdk/version: host, SDK and built-in plugins are released
// together and carry that number. The Python SDK and the changelog name it again,
// for those who read them alone; a release's tag is "v" and that number. A release
// is refused when any of them differs, or when the changelog does not say on which
// day the version comes out.
package versions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

var (
	python    = regexp.MustCompile(`(?m)^VERSION = "([^"]+)"$`)
	heading   = regexp.MustCompile(`(?m)^## \[([^\]]+)\] - (\S+)$`)
	date      = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	candidate = strings.NewReplacer("-alpha.", "a", "-beta.", "b", "-rc.", "rc")
)

// Names of the files that are read, below the root of the source tree.
const (
	pythonFile    = "sdk/python/src/bulkhead/_version.py"
	changelogFile = "CHANGELOG.md"
)

// Check compares the places of a source tree; a tag, when there is one, is held
// to them as a release's. All that disagrees is told at once.
func Check(root, tag string) error { return check(root, version.Version, tag) }

func check(root, want, tag string) error {
	py, err := find(root, pythonFile, python)
	if err != nil {
		return err
	}
	log, err := find(root, changelogFile, heading)
	if err != nil {
		return err
	}
	return errors.Join(
		agree(pythonFile, py[1], candidate.Replace(want), want),
		agree(changelogFile, log[1], want, want),
		checkTag(tag, want, log[2]),
	)
}

// find returns the first match of an expression in a file, with its groups.
func find(root, file string, expr *regexp.Regexp) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	found := expr.FindStringSubmatch(strings.ReplaceAll(string(text), "\r\n", "\n"))
	if found == nil {
		return nil, fmt.Errorf("%s names no version: no line is of the form %s", file, expr)
	}
	return found, nil
}

func agree(file, got, form, want string) error {
	if got == form {
		return nil
	}
	return fmt.Errorf("%s says %s, and sdk/version/version.go says %s: make them agree", file, got, want)
}

func checkTag(tag, want, released string) error {
	if tag == "" {
		return nil
	}
	var errs []error
	if tag != "v"+want {
		errs = append(errs, fmt.Errorf("the tag is %s, and sdk/version/version.go says %s: tag v%s, or change the version first", tag, want, want))
	}
	if !date.MatchString(released) {
		errs = append(errs, fmt.Errorf("%s says %q for the day of release: write it as 2006-01-02 before tagging", changelogFile, released))
	}
	return errors.Join(errs...)
}
