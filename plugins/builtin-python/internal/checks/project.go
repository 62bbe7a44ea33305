// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var pythonTooNew = check.Check{
	Code: "python.too-new", Title: "No wheels of torch for this version of Python", Area: areaPython,
	Needs: []string{observed.Asked, need(observed.Version)},
	Doc: check.Doc{
		Meaning:    "pip says \"Could not find a version that satisfies the requirement torch (from versions: none)\" or lists only releases that the project does not accept.",
		Detection:  "The project's requirements files and pyproject.toml ask for torch, no environment has it, and none of the releases that they accept has wheels for the environment's version of Python (a table of PyPI). A Python newer than the table is reported as unknown.",
		Cause:      "torch publishes wheels for the versions of Python that were out when it was released: none for newer ones, and no more for those at the end of their life.",
		Fix:        "Make the environment with a version of Python that the wanted release has wheels for, or ask for another release of torch.",
		Verify:     "Run pip install --dry-run --no-deps torch with that Python.",
		References: []string{"https://pypi.org/project/torch/#files", "https://github.com/pytorch/pytorch/blob/main/RELEASE.md#release-compatibility-matrix"},
	},
	Run: func(ctx *check.Context) {
		asked, _ := fact.Get[[]observed.Asking](ctx.Facts, observed.Asked)
		all := observed.Environments(ctx.Facts)
		if len(all) == 0 || slices.ContainsFunc(all, func(e observed.Environment) bool {
			_, ok := (&environment{Environment: e, ctx: ctx}).framework("torch")
			return ok
		}) {
			return
		}
		lookTooNew(&environment{Environment: projectsOwn(all), ctx: ctx}, asked)
	},
}

// projectsOwn is the environment that the project's requirements are for: an
// active or named one, else that of the project, else what PATH leads to.
func projectsOwn(all []observed.Environment) observed.Environment {
	for _, e := range all {
		if e.FoundBy != "PATH" {
			return e
		}
	}
	return all[0]
}

func lookTooNew(e *environment, asked []observed.Asking) {
	if e.Implementation != "CPython" || e.Kind == locate.KindConda || e.Version == "" {
		return
	}
	var first *unmetAsking
	for i := range asked {
		if asked[i].Name != "torch" {
			continue
		}
		u, applies := e.judgeAsking(asked[i])
		if applies && u == nil {
			return // one of the files fits, and it may be the one for this environment
		}
		if applies && first == nil {
			first = u
		}
	}
	if first != nil {
		e.reportTooNew(first.asking, first.severity, first.why, first.accepted)
	}
}

// unmetAsking is a requirement on torch that no wheel meets.
type unmetAsking struct {
	asking   observed.Asking
	severity check.Severity
	why      string
	accepted []string
}

// judgeAsking tells why no wheel meets a requirement, nil when one does.
// What has a URL or is for other interpreters or platforms does not apply.
func (e *environment) judgeAsking(a observed.Asking) (u *unmetAsking, applies bool) {
	r, err := pep508.Parse(a.Requirement)
	if err != nil || r.URL != "" || !e.surelyHolds(r.Marker) {
		return nil, false
	}
	specifiers, err := pep440.ParseSpecifiers(withoutLocals(r.SpecifierText)) // 2.5.1+cu121 has the wheels of 2.5.1
	if err != nil {
		return nil, false
	}
	accepts := func(release string) bool {
		v, err := pep440.Parse(release)
		return err == nil && specifiers.Contains(v)
	}
	wheels := tables.Pythons().For(e.Version)
	accepted := slices.DeleteFunc(slices.Clone(tables.Pythons().Releases), func(s string) bool { return !accepts(s) })
	switch {
	case tables.Pythons().Beyond(e.Version):
		return &unmetAsking{a, check.Unknown, fmt.Sprintf("The table of torch's wheels ends at Python %s.", lastPython()), nil}, true
	case len(wheels) == 0 || len(accepted) == 0 || slices.ContainsFunc(wheels, accepts):
		return nil, true
	}
	why := fmt.Sprintf("For Python %s there are wheels of torch %s to %s.", minorOf(e.Version), wheels[0], wheels[len(wheels)-1])
	return &unmetAsking{a, check.Error, why, accepted}, true
}

// withoutLocals cuts the local part of each version.
func withoutLocals(specifiers string) string {
	clauses := strings.Split(specifiers, ",")
	for i, c := range clauses {
		clauses[i], _, _ = strings.Cut(c, "+")
	}
	return strings.Join(clauses, ",")
}

// surelyHolds evaluates a marker for the environment's interpreter on every
// platform that it may run on, and demands that it holds on all.
func (e *environment) surelyHolds(m *pep508.Marker) bool {
	for _, platform := range [][4]string{{"linux", "Linux", "x86_64", "posix"}, {"linux", "Linux", "aarch64", "posix"}, {"darwin", "Darwin", "arm64", "posix"}, {"win32", "Windows", "AMD64", "nt"}} {
		if !m.Eval(pep508.Environment{
			"python_version": minorOf(e.Version), "python_full_version": e.Version, "implementation_version": e.Version,
			"implementation_name": "cpython", "platform_python_implementation": "CPython",
			"sys_platform": platform[0], "platform_system": platform[1], "platform_machine": platform[2], "os_name": platform[3],
		}) {
			return false
		}
	}
	return true
}

func lastPython() string {
	last := tables.Pythons().Rows[0].Python
	for _, row := range tables.Pythons().Rows {
		if order, ok := tables.CompareDrivers(row.Python, last); ok && order > 0 {
			last = row.Python
		}
	}
	return last
}

func (e *environment) reportTooNew(a observed.Asking, severity check.Severity, why string, accepted []string) {
	f := check.Finding{
		Severity: severity,
		Title:    fmt.Sprintf("No wheels of %s for Python %s", a.Requirement, e.Version),
		Detail:   fmt.Sprintf("%s line %d asks for %s, and the environment has Python %s. %s", a.Path, a.Line, a.Requirement, e.Version, why),
		Cause:    "torch is published as wheels, each for one version of Python.",
		Evidence: append([]fact.Evidence{{Fact: observed.Asked, Path: a.Path, Line: a.Line, Value: a.Requirement}}, e.ctx.Evidence(e.at(observed.Version))...),
		Verify:   []string{e.pip("install", "--dry-run", "--no-deps", a.Requirement)},
	}
	if severity == check.Unknown {
		f.Title = fmt.Sprintf("Whether torch has wheels for Python %s is not known", e.Version)
	}
	if python := pythonFor(accepted); python != "" {
		f.Remedies = []check.Remedy{{
			ID: "other-python", Summary: "Make the environment with Python " + python + "; its packages have to be installed anew.", Kind: check.Advice, Risk: check.Medium,
			Preview: []string{"uv python install " + python, "uv venv --clear --python " + python + " " + quote(e.Prefix)},
		}}
		if e.Kind == locate.KindSystem {
			f.Remedies[0].Preview[1] = "uv venv --python " + python + " .venv"
		}
	}
	e.report(f)
}

// pythonFor is the newest version of Python with wheels of the newest release
// that is accepted.
func pythonFor(accepted []string) string {
	if len(accepted) == 0 {
		return ""
	}
	newest, best := accepted[len(accepted)-1], ""
	for _, row := range tables.Pythons().Rows {
		if slices.Contains(tables.Pythons().For(row.Python), newest) {
			best = row.Python
		}
	}
	return best
}
