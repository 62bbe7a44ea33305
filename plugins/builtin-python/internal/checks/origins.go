// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
)

// origin is who publishes a version of torch or of a companion.
type origin int

const (
	// elsewhere is a build from source, of NVIDIA's containers, of Jetson's
	// index: no index below torchWheels has it.
	elsewhere origin = iota
	released
	candidate
	nightly
)

// originOf reads the origin from the version: a build from source calls itself
// 2.8.0a0+git1a2b3c4, a nightly one 2.9.0.dev20250801+cu128.
func originOf(v pep440.Version) origin {
	text := publicText(v)
	switch {
	case v.Local() != "" && !torchBuildTag().MatchString(v.Local()):
		return elsewhere
	case strings.Contains(text, "dev"):
		return nightly
	case strings.Contains(text, "rc"):
		return candidate
	case v.IsPrerelease():
		return elsewhere
	}
	return released
}

// publicText is a version as written without its local part.
func publicText(v pep440.Version) string {
	public, _, _ := strings.Cut(v.String(), "+")
	return public
}

// indexOptions name the index that a version came from; none for PyPI, which
// has the releases without a local part.
func indexOptions(v pep440.Version) []string {
	if v.Local() == "" || originOf(v) == elsewhere {
		return nil
	}
	switch place := torchWheels + v.Local(); originOf(v) {
	case nightly:
		return []string{"--pre", "--index-url", torchWheels + "nightly/" + v.Local()}
	case candidate:
		return []string{"--pre", "--index-url", torchWheels + "test/" + v.Local()}
	default:
		return []string{"--index-url", place}
	}
}

// leadingNumbers cuts "3.14.0" of "3.14.0rc2".
func leadingNumbers(version string) string {
	end := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(version)
	}
	return strings.TrimRight(version[:end], ".")
}

// releaseOf is 2.7.0 of 2.7.0a0+ecf3bae40a.nv25.04.
func releaseOf(v pep440.Version) (pep440.Version, bool) {
	release, err := pep440.Parse(leadingNumbers(publicText(v)))
	return release, err == nil
}

// sources are the repositories of torch's companions.
var sources = map[string]string{
	"torchvision": "https://github.com/pytorch/vision", "torchaudio": "https://github.com/pytorch/audio", "torchtext": "https://github.com/pytorch/text",
}

// isOlderByNameOnly recognises a requirement that the release meets which a
// build from source precedes by the rules of PEP 440: 2.7.0a0 is before 2.7.
func isOlderByNameOnly(c conflict) bool {
	v, err := pep440.Parse(c.found.Version)
	if err != nil || originOf(v) != elsewhere || !v.IsPrerelease() || v.Local() == "" || pep508.Normalize(c.found.Name) == "numpy" {
		return false
	}
	release, ok := releaseOf(v)
	return ok && c.requirement.Specifiers.Contains(release)
}
