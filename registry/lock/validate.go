// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-version"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

var registryForm = pattern.Lazy(`^[A-Za-z][A-Za-z0-9_-]*$`)

// Validate checks every plugin; all faults are named at once.
func (f *File) Validate() error {
	if len(f.Plugins) > maxPlugins {
		return fmt.Errorf("%d plugins are more than %d", len(f.Plugins), maxPlugins)
	}
	var errs []error
	seen := map[string]bool{}
	for _, p := range f.Plugins {
		if seen[p.ID] {
			errs = append(errs, fmt.Errorf("plugin %q is there twice; remove one", p.ID))
		}
		seen[p.ID] = true
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("plugin %+.80q: %w", p.ID, err))
		}
	}
	return errors.Join(errs...)
}

// Validate checks every field.
func (p Plugin) Validate() error {
	_, idErr := release.ParseID(p.ID)
	errs := []error{idErr, checkRegistry(p.Registry), release.CheckVersion(p.Version), checkConstraints(p.Constraints)}
	if len(p.Grants) > maxGrants {
		errs = append(errs, fmt.Errorf("%d grants are more than %d", len(p.Grants), maxGrants))
	}
	for _, g := range p.Grants {
		errs = append(errs, checkGrant(g))
	}
	if len(p.Platforms) == 0 {
		errs = append(errs, errors.New("it has no platform; install it again"))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Platforms)) {
		errs = append(errs, release.CheckPlatform(key), p.Platforms[key].Validate())
	}
	return errors.Join(errs...)
}

// Validate checks the digests and how they are known.
func (p Platform) Validate() error {
	errs := []error{release.CheckH1(p.H1), release.CheckDigest(p.Executable), release.CheckDigest(p.Archive)}
	for _, how := range p.Known {
		errs = append(errs, checkKnown(how))
	}
	return errors.Join(errs...)
}

func checkRegistry(s string) error {
	if len(s) > maxRegistry || !registryForm().MatchString(s) {
		return fmt.Errorf("registry %+.80q: use the name of a registry, letters, digits, dashes and underscores", s)
	}
	return nil
}

func checkConstraints(s string) error {
	if s == "" {
		return nil
	}
	if len(s) > maxConstrain || !printable(s) {
		return fmt.Errorf("constraints %+.80q: use a list such as \"~> 1.2, != 1.2.5\"", s)
	}
	if _, err := version.NewConstraint(s); err != nil {
		return fmt.Errorf("constraints %+.80q: use a list such as \"~> 1.2, != 1.2.5\"", s)
	}
	return nil
}

func checkGrant(s string) error {
	kind, value, ok := strings.Cut(s, " ")
	if !ok || len(s) > maxText || !slices.Contains(manifest.Kinds(), kind) {
		return fmt.Errorf("grant %+.80q: write it as KIND VALUE, KIND one of %s", s, strings.Join(manifest.Kinds(), ", "))
	}
	if strings.TrimSpace(value) == "" || !printable(s) {
		return fmt.Errorf("grant %+.80q: its value is empty or holds characters that cannot be seen", s)
	}
	return nil
}

func checkKnown(how string) error {
	if !slices.Contains(HowKnown(), how) {
		return fmt.Errorf("known %+.80q: use some of %s", how, strings.Join(HowKnown(), ", "))
	}
	return nil
}

// printable reports whether a text is UTF-8 without characters that a terminal
// obeys or that nobody sees.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
}
