// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// conflict is one requirement that is not met.
type conflict struct {
	// owner requires requirement; found is what is installed, its Version ""
	// when nothing is.
	owner       observed.Package
	requirement pep508.Requirement
	found       observed.Package
	// forTorch tells that torch requires owner, which stands for its libraries.
	forTorch bool
}

func (c conflict) String() string {
	want := c.wanted()
	if c.found.Version == "" {
		return fmt.Sprintf("%s %s requires %s, which is not installed", c.owner.Name, c.owner.Version, want)
	}
	return fmt.Sprintf("%s %s requires %s, and %s is installed", c.owner.Name, c.owner.Version, want, c.found.Version)
}

// wanted is the requirement as pip takes it. The extras stay: those of
// cuda-toolkit bring the libraries.
func (c conflict) wanted() string {
	extras := ""
	if len(c.requirement.Extras) > 0 {
		extras = "[" + strings.Join(c.requirement.Extras, ",") + "]"
	}
	return c.requirement.Name + extras + c.requirement.SpecifierText
}

// namedElsewhere tells which check of its own names a conflict, "" for none.
func namedElsewhere(c conflict) string {
	owner, wanted := pep508.Normalize(c.owner.Name), pep508.Normalize(c.requirement.Name)
	switch {
	case (owner == "torch" || c.forTorch) && isTorchPin(c):
		return codeNvidiaPins
	case isTorchCompanion(owner) && wanted == "torch":
		return codeCompanion
	case owner == "xformers" && wanted == "torch" && c.found.Version != "":
		return codeXFormers
	case wanted == "numpy" && isNumPy2Conflict(c):
		return codeNumPyABI
	case isJAXPart(owner) && (wanted == "jaxlib" || isJAXPart(wanted)) && c.found.Version != "":
		return codeJAXMismatch // which compares versions; a part that is missing is an unmet requirement
	case isJAXPart(owner) && strings.HasPrefix(wanted, "nvidia-cudnn-") && c.found.Version != "":
		return codeJAXMismatch
	}
	return ""
}

var dependencyConflict = check.Check{
	Code: codeConflict, Title: "Requirements that are not met", Area: areaPython,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "An installed package needs another in a version that is not the installed one, or one that is missing.",
		Detection:  "Requires-Dist of every distribution is read, its markers are evaluated for the examined interpreter, and the versions are compared by PEP 440. The verdict is that of `pip check`, except for packages that conda or a distribution keeps together, for extras that a requirement names, such as cuda-toolkit[cublas], whose requirements count too, and for versions that a package compares when it is imported without declaring them; a build from source that only its version makes older than its release is for information.",
		Cause:      "Packages were installed one after another, and a later install replaced what an earlier one needs.",
		Fix:        "Install the conflicting packages in one command, so that the installer finds versions that fit together.",
		Verify:     "Run pip check.",
		References: []string{"https://peps.python.org/pep-0508/", "https://peps.python.org/pep-0440/", "https://pip.pypa.io/en/stable/cli/pip_check/"},
	},
	Run: perEnvironment(func(e *environment) {
		var mine, byName []conflict
		for _, c := range e.conflicts() {
			switch {
			case namedElsewhere(c) != "":
			case isOlderByNameOnly(c):
				byName = append(byName, c)
			default:
				mine = append(mine, c)
			}
		}
		if len(mine) > 0 {
			reportConflicts(e, mine)
		}
		if len(byName) > 0 {
			reportByName(e, byName)
		}
		if cut, _ := get[bool](e, observed.TooMany); cut {
			reportCut(e)
		}
	}),
}

// reportCut says that the verdict is about a part: what was left out is neither
// missing nor judged.
func reportCut(e *environment) {
	read, _ := get[[]observed.Package](e, observed.Packages)
	e.report(check.Finding{
		Severity: check.Unknown,
		Title:    "More packages than are read",
		Detail:   fmt.Sprintf("%s has more packages than the %d that are read, and nothing is said of the others.", e.Prefix, len(read)),
		Cause:    "The number of packages that is read is bounded, so that a diagnosis ends in time.",
		Evidence: e.ctx.Evidence(e.at(observed.TooMany)),
		Remedies: []check.Remedy{{
			ID: "smaller-environments", Kind: check.Advice, Risk: check.Low,
			Summary: "Keep an environment for each project, and name the one to examine with --python.",
		}},
		Verify: []string{e.pipCheck()},
	})
}

func reportConflicts(e *environment, conflicts []conflict) {
	texts, owners, packages := describeConflicts(conflicts)
	e.report(check.Finding{
		Severity: check.Warning,
		Title:    conflictTitle(conflicts),
		Detail:   listed(texts) + ".",
		Cause:    "The packages were not installed together.",
		Evidence: evidenceOf(e, packages...),
		Explains: []string{codeTorchABI, codeGenerated},
		Remedies: e.settle(conflicts, owners),
		Verify:   []string{e.pipCheck()},
	})
}

// settle installs what every owner accepts, where there is such a version, and
// else other releases of the owners.
func (e *environment) settle(conflicts []conflict, owners []string) []check.Remedy {
	accepted := e.accepted(conflicts)
	upgrade := append([]string{"--upgrade"}, owners...)
	if slices.ContainsFunc(accepted, isContradiction) {
		return []check.Remedy{e.install("No version suits all that require it: let pip choose other releases of the packages.", upgrade...)}
	}
	return []check.Remedy{
		e.installOwned("Install versions that every installed package accepts.", conflicts[0].requirement.Name, accepted...),
		e.install("Where there are none, let pip choose other releases of the packages too.", upgrade...),
	}
}

// isContradiction reports whether no version fits a requirement: one of its pinned
// versions or lower bounds is outside of the rest.
func isContradiction(requirement string) bool {
	r, err := pep508.Parse(requirement)
	if err != nil {
		return false
	}
	var pins []pep440.Version
	for clause := range strings.SplitSeq(r.SpecifierText, ",") {
		text, pinned := strings.CutPrefix(strings.TrimSpace(clause), "==")
		if v, err := pep440.Parse(text); pinned && err == nil {
			pins = append(pins, v)
		}
		if op, v, ok := bound(strings.TrimSpace(clause)); ok && op == ">=" {
			if upper, found := upperBound(r.SpecifierText); found && v.Compare(upper) >= 0 {
				return true
			}
		}
	}
	return slices.ContainsFunc(pins, func(v pep440.Version) bool { return !r.Specifiers.Contains(v) })
}

func upperBound(specifier string) (pep440.Version, bool) {
	for clause := range strings.SplitSeq(specifier, ",") {
		if op, v, ok := bound(strings.TrimSpace(clause)); ok && op == "<" {
			return v, true
		}
	}
	return pep440.Version{}, false
}

// reportByName speaks of builds from source whose version says that they come
// before the release that they are: installing a wheel instead would lose them.
func reportByName(e *environment, conflicts []conflict) {
	texts, _, packages := describeConflicts(conflicts)
	e.report(check.Finding{
		Severity: check.Info,
		Title:    "A build from source counts as older than its release",
		Detail:   listed(texts) + ". The build is of that release's source, and its version sorts before it.",
		Cause:    "By PEP 440 the version of a pre-release such as 2.7.0a0 is lower than 2.7.0.",
		Evidence: evidenceOf(e, packages...),
		Remedies: []check.Remedy{{
			ID: "keep-build", Kind: check.Advice, Risk: check.Low,
			Summary: "Keep the build, and install packages beside it with --no-deps or a constraint, so that no wheel replaces it.",
		}},
		Verify: []string{e.pipCheck()},
	})
}

// conflictTitle names the package where only one is at fault; "" leaves the
// title of the check.
func conflictTitle(conflicts []conflict) string {
	first := conflicts[0]
	for _, c := range conflicts[1:] {
		if pep508.Normalize(c.requirement.Name) != pep508.Normalize(first.requirement.Name) {
			return ""
		}
	}
	who := first.owner.Name + " requires"
	if len(conflicts) > 1 {
		who = fmt.Sprintf("%d packages require", len(conflicts))
	}
	if first.found.Version == "" {
		return fmt.Sprintf("%s is not installed, and %s it", first.requirement.Name, who)
	}
	return fmt.Sprintf("%s %s is not what %s", first.found.Name, first.found.Version, who)
}

// accepted is one requirement for each package at fault, with what all
// installed packages demand of it: to obey one owner alone would break another.
func (e *environment) accepted(conflicts []conflict) []string {
	var out []string
	for _, c := range conflicts {
		name := pep508.Normalize(c.requirement.Name)
		clauses, _ := e.demands(name)
		out = append(out, c.requirement.Name+strings.Join(clauses, ","))
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(out, strings.EqualFold)
}

// demands lists the clauses by which installed packages bound a package, and
// whether any requires it.
func (e *environment) demands(name string) (clauses []string, required bool) {
	for _, all := range e.packages() {
		for _, text := range all[0].Requires {
			r, err := pep508.Parse(text)
			if err != nil || pep508.Normalize(r.Name) != name {
				continue
			}
			required = true
			for clause := range strings.SplitSeq(r.SpecifierText, ",") {
				clauses = append(clauses, strings.TrimSpace(clause))
			}
		}
	}
	return tightest(unique(slices.DeleteFunc(clauses, func(c string) bool { return c == "" }))), required
}

// tightest keeps the highest lower and the lowest upper bound, and every clause
// of another form.
func tightest(clauses []string) []string {
	best := map[string]pep440.Version{}
	var out []string
	for _, c := range clauses {
		op, v, ok := bound(c)
		if !ok {
			out = append(out, c)
			continue
		}
		if old, seen := best[op]; !seen || (v.Compare(old) > 0) == (op == ">=") {
			best[op] = v
		}
	}
	for op, v := range best {
		out = append(out, op+v.String())
	}
	slices.Sort(out)
	return out
}

// bound cuts ">=1.2" and "<2".
func bound(clause string) (op string, v pep440.Version, ok bool) {
	for _, op := range []string{">=", "<"} {
		text, found := strings.CutPrefix(clause, op)
		if v, err := pep440.Parse(strings.TrimSpace(text)); found && err == nil {
			return op, v, true
		}
	}
	return "", pep440.Version{}, false
}

func describeConflicts(conflicts []conflict) (texts, owners []string, packages []observed.Package) {
	for _, c := range conflicts {
		texts = append(texts, c.String())
		owners = append(owners, c.owner.Name)
		packages = append(packages, c.owner)
		if c.found.Version != "" {
			packages = append(packages, c.found)
		}
	}
	return texts, unique(owners), packages
}

// pythonVersions gives the versions that an interpreter may have: one when the
// micro number is known, else the lowest and the highest.
func pythonVersions(text string) []pep440.Version {
	text = leadingNumbers(text) // installers compare a release candidate as the release
	texts := []string{text}
	if strings.Count(text, ".") == 1 {
		texts = []string{text + ".0", text + ".99"}
	}
	var out []pep440.Version
	for _, t := range texts {
		if v, err := pep440.Parse(t); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// excludes reports whether a specifier excludes every one of the versions.
func excludes(specifier string, versions []pep440.Version) bool {
	set, err := pep440.ParseSpecifiers(specifier)
	if err != nil || len(versions) == 0 {
		return false
	}
	return !slices.ContainsFunc(versions, set.Contains)
}
