// SPDX-License-Identifier: Apache-2.0

package release

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// InvalidError lists everything that is wrong with a release.
type InvalidError struct {
	Release string // "acme/scaler 1.2.0", as far as it can be told
	Faults  []string
}

// Bounds on what an error says.
const (
	maxFault  = 300 // bytes of one fault
	maxFaults = 20  // faults in one error
)

// Error lists the faults, one a line.
func (e *InvalidError) Error() string {
	shown, more := e.Faults, ""
	if len(shown) > maxFaults {
		shown, more = shown[:maxFaults], fmt.Sprintf("\n  and %d more", len(e.Faults)-maxFaults)
	}
	return fmt.Sprintf("release %s is not valid:\n  %s%s", e.Release, strings.Join(shown, "\n  "), more)
}

// Bounds on the fields. Lists are as long as anybody would read.
const (
	maxSummary   = 300 // bytes
	maxLicence   = 200
	maxHomepage  = 2000
	maxChanges   = 64 << 10
	maxProtocols = 16
	maxProtocol  = 1_000_000
	maxGrants    = 1000
	maxNames     = 1000 // collectors, checks, kernels
)

var (
	collectorForm = pattern.Lazy(`^[a-z][a-z0-9._-]{0,127}$`)
	checkForm     = pattern.Lazy(`^[a-z][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){1,4}$`)
	kernelForm    = pattern.Lazy(`^[a-z][a-z0-9_]{0,62}$`)
)

// Validate checks every field; the error is an [*InvalidError] with all faults.
func (r *Release) Validate() error {
	_, idErr := ParseID(r.ID)
	faults := flatten(
		within("id", idErr), CheckVersion(r.Version),
		needText("summary", r.Summary, maxSummary), needText("licence", r.Licence, maxLicence),
		within("homepage", checkHomepage(r.Homepage)), within("changes", checkText(r.Changes, maxChanges, true)),
		within("protocols", checkProtocols(r.Protocols)), within("min_host", r.checkMinHost()),
		r.checkGrants(),
		within("collectors", checkNames(r.Collectors, collectorForm())), within("checks", checkNames(r.Checks, checkForm())),
		within("kernels", r.checkKernels()), within("platforms", r.checkPlatforms()), within("published", checkTime(r.Published)),
	)
	if len(faults) == 0 {
		return nil
	}
	return &InvalidError{Release: strings.Trim(quote(r.ID+" "+r.Version), `"`), Faults: faults}
}

// flatten lists the texts of errors, each joined one on its own.
func flatten(errs ...error) []string {
	var out []string
	for _, err := range errs {
		var many interface{ Unwrap() []error }
		switch {
		case err == nil:
		case errors.As(err, &many):
			prefix, _, _ := strings.Cut(err.Error(), many.(error).Error())
			for _, text := range flatten(many.Unwrap()...) {
				out = append(out, shorten(prefix+text))
			}
		default:
			out = append(out, shorten(strings.ReplaceAll(err.Error(), "\n", " ")))
		}
	}
	return out
}

// shorten cuts a fault between characters.
func shorten(s string) string {
	if len(s) <= maxFault {
		return s
	}
	return strings.ToValidUTF8(s[:maxFault], "") + "..."
}

func checkHomepage(s string) error {
	if s == "" {
		return nil
	}
	if err := checkText(s, maxHomepage, false); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(s, " \"'<>\\") {
		return fmt.Errorf("%s: give an address that begins with https:// and a host", quote(s))
	}
	return nil
}

func checkProtocols(majors []int) error {
	if len(majors) == 0 || len(majors) > maxProtocols {
		return fmt.Errorf("%d majors: name 1 to %d that the plugin serves", len(majors), maxProtocols)
	}
	for i, n := range majors {
		if n < 1 || n > maxProtocol || i > 0 && n <= majors[i-1] {
			return fmt.Errorf("%d: majors are positive, rising and each written once", n)
		}
	}
	return nil
}

func (r *Release) checkMinHost() error {
	if r.MinHost == "" {
		return nil
	}
	return CheckVersion(r.MinHost)
}

func (r *Release) checkGrants() error {
	if len(r.Grants) > maxGrants {
		return fmt.Errorf("grants: %d are more than %d", len(r.Grants), maxGrants)
	}
	var errs []error
	for i, g := range r.Grants {
		errs = append(errs, within(fmt.Sprintf("grant %d", i+1), g.Validate()))
	}
	return errors.Join(errs...)
}

func checkNames(names []string, form *regexp.Regexp) error {
	if len(names) > maxNames {
		return fmt.Errorf("%d are more than %d", len(names), maxNames)
	}
	var errs []error
	seen := map[string]bool{}
	for _, name := range names {
		switch {
		case !form.MatchString(name):
			errs = append(errs, fmt.Errorf("%s is not of the form %s", quote(name), form))
		case seen[name]:
			errs = append(errs, fmt.Errorf("%s is there twice", quote(name)))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

func (r *Release) checkKernels() error {
	names := make([]string, len(r.Kernels))
	var errs []error
	for i, k := range r.Kernels {
		names[i] = k.Name
		if i < maxNames {
			errs = append(errs, within(quote(k.Name), k.validate()))
		}
	}
	return errors.Join(append(errs, checkNames(names, kernelForm()))...)
}

// compartments are those of sdk/kernel, which is too large to depend on.
var compartments = []string{"data", "infrastructure", "algorithms", "mlops"}

func (k Kernel) validate() error {
	if !slices.Contains(compartments, k.Compartment) {
		return fmt.Errorf("compartment %s: use one of %s", quote(k.Compartment), strings.Join(compartments, ", "))
	}
	if k.MinStateVersion > k.StateVersion || k.StateVersion > 0 && k.MinStateVersion == 0 {
		return fmt.Errorf("min_state_version %d: it is 1 to state_version, which is %d, or both are 0", k.MinStateVersion, k.StateVersion)
	}
	return nil
}

func (r *Release) checkPlatforms() error {
	if len(r.Platforms) == 0 || len(r.Platforms) > len(platforms)+1 {
		return fmt.Errorf("%d: name at least one and no more than there are", len(r.Platforms))
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(r.Platforms)) {
		errs = append(errs, CheckPlatform(key), within(quote(key), r.Platforms[key].validate()))
	}
	return errors.Join(errs...)
}

func checkTime(t time.Time) error {
	switch {
	case t.Year() < 2000 || t.Year() > 9999:
		return fmt.Errorf("the year %d: give the time at which it was published", t.Year())
	case t.Location() != time.UTC || t.Nanosecond() != 0:
		return errors.New("give it in UTC and whole seconds, such as 2026-01-31T12:00:00Z")
	}
	return nil
}

// maxReason bounds why a release was yanked, in bytes.
const maxReason = 500

// Validate checks the reason, which is one line that somebody reads, and the time.
func (y Yanked) Validate() error {
	return errors.Join(needText("reason", y.Reason, maxReason), within("at", checkTime(y.At)))
}
