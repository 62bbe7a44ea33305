// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var duplicateDistribution = check.Check{
	Code: "python.duplicate-distribution", Title: "Package is installed twice", Area: areaPython,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "One directory of packages holds two metadata directories of the same distribution. The files are a mixture of both.",
		Detection:  "Distributions of one directory are grouped by their normalised name.",
		Cause:      "An uninstall was cut short, or two installers ran at once.",
		Fix:        "Uninstall the package until no copy is left, and install it once.",
		Verify:     "Run pip list and import the package.",
		References: []string{"https://packaging.python.org/en/latest/specifications/recording-installed-packages/"},
	},
	Run: perEnvironment(func(e *environment) {
		for _, name := range unique(keys(e.packages())) {
			lookDuplicate(e, name)
		}
	}),
}

func keys(m map[string][]observed.Package) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

func lookDuplicate(e *environment, name string) {
	bySite := map[string][]observed.Package{}
	for _, p := range e.packages()[name] {
		if !p.Editable {
			bySite[path.Dir(p.Path)] = append(bySite[path.Dir(p.Path)], p)
		}
	}
	for site, copies := range bySite {
		if len(copies) > 1 {
			reportDuplicate(e, name, site, copies)
		}
	}
}

func reportDuplicate(e *environment, name, site string, copies []observed.Package) {
	var versions []string
	for _, p := range copies {
		versions = append(versions, p.Version)
	}
	severity := check.Error
	if len(unique(slices.Clone(versions))) == 1 {
		severity = check.Warning
		if !slices.ContainsFunc(copies, func(p observed.Package) bool { return !distributionOwned(p) }) {
			return // the distribution ships both forms of metadata of one install
		}
	}
	e.report(check.Finding{
		Severity: severity,
		Title:    fmt.Sprintf("%s is installed %s", name, times(len(copies))),
		Detail:   fmt.Sprintf("%s has %d copies of %s: %s.", site, len(copies), name, strings.Join(versions, " and ")),
		Cause:    "An install replaced the files of another without removing its metadata.",
		Evidence: evidenceOf(e, copies...),
		Explains: []string{codeNumPyABI, codeConflict, codeRecordTorn, codeTorchABI, codeUndefined},
		Remedies: []check.Remedy{reinstallOnce(e, name, len(copies))},
		Verify:   []string{e.pip("show", name)},
	})
}

func times(n int) string {
	if n == 2 {
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func reinstallOnce(e *environment, name string, copies int) check.Remedy {
	var preview []string
	for range copies {
		preview = append(preview, e.pip("uninstall", name))
	}
	clauses, _ := e.demands(name)
	return check.Remedy{
		ID: "reinstall-once", Summary: "Uninstall every copy and install the package once.", Kind: check.InstallPackages,
		Risk: check.Medium, Preview: append(preview, e.pip("install", name+strings.Join(clauses, ","))),
	}
}

// sameRelease compares versions without local parts; what cannot be read is
// taken for the same.
func sameRelease(a, b string) bool {
	x, errX := pep440.Parse(a)
	y, errY := pep440.Parse(b)
	return errX != nil || errY != nil || x.Public().Compare(y.Public()) == 0
}

var recordTorn = check.Check{
	Code: codeRecordTorn, Title: "Install is incomplete", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "Files that a package installed are missing, cut short or changed, or pip left directories that start with \"~\".",
		Detection:  "Shared libraries and package roots in RECORD are compared with the disk: presence, size, and sha256 of roots up to 8 KiB. Directories that start with \"~\" are listed. Sizes are not judged for packages that conda or a distribution installed, since those change files after RECORD was made.",
		Cause:      "An install or uninstall was interrupted: a full disk, a kill, a network file system.",
		Fix:        "Remove the \"~\" directories and install the packages again with --force-reinstall.",
		Verify:     "Import the package; run the doctor again.",
		References: []string{"https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file", "https://pip.pypa.io/en/stable/cli/pip_install/"},
	},
	Run: perEnvironment(func(e *environment) {
		damaged, _ := get[[]dist.Damage](e, observed.Damaged)
		for _, d := range damaged {
			reportDamage(e, d)
		}
		if residues, ok := get[[]string](e, observed.Residues); ok {
			reportResidues(e, residues)
		}
	}),
}

func reportDamage(e *environment, d dist.Damage) {
	broken := d.MissingCount + d.TruncatedCount
	if broken == 0 && e.isClobbered(d.Name) {
		return // the overwritten files have a finding of their own
	}
	f := check.Finding{
		Severity: check.Error,
		Title:    "Install of " + d.Name + " is incomplete",
		Detail:   d.Name + " " + d.Version + ": " + describeDamage(d) + ".",
		Cause:    "An install or uninstall was interrupted, or the files were removed by hand.",
		Evidence: e.ctx.Evidence(e.at(observed.Damaged)),
		Explains: []string{codeTorchNotLoadable, codeNotLoadable, codeUndefined, codeTorchABI, codeOnnxCUDA},
		Remedies: []check.Remedy{e.reinstall("Install the same version again.", d.Name, "--no-deps")},
		Verify:   []string{e.pip("show", "--files", d.Name)},
	}
	if broken == 0 {
		f.Severity, f.Explains = check.Warning, nil
		f.Title = "Installed files of " + d.Name + " were changed"
		f.Cause = "The files were edited after the install, or another package overwrote them."
	}
	e.report(f)
}

func describeDamage(d dist.Damage) string {
	var parts []string
	part := func(count int, names []string, what string) {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s (%s)", plural(count, "file"), what, strings.Join(names, ", ")))
		}
	}
	part(d.MissingCount, d.Missing, "missing")
	part(d.TruncatedCount, d.Truncated, "cut short")
	part(d.ModifiedCount, d.Modified, "changed")
	return strings.Join(parts, ", ")
}

func (e *environment) isClobbered(name string) bool {
	clobbers, _ := get[[]dist.Clobber](e, observed.Clobbered)
	return slices.ContainsFunc(clobbers, func(c dist.Clobber) bool { return slices.Contains(c.Names[:], name) })
}

func reportResidues(e *environment, residues []string) {
	var lines []string
	for _, r := range residues {
		lines = append(lines, "rm -r "+quote(r))
	}
	e.report(check.Finding{
		Severity: check.Warning,
		Title:    "Leftovers of an uninstall that was cut short",
		Detail:   fmt.Sprintf("pip left %s that it ignores as an invalid distribution: %s.", plural(len(residues), "leftover"), listed(residues)),
		Cause:    "pip renames what it removes and was stopped before it could delete or restore it.",
		Evidence: e.paths(observed.Residues, residues...),
		Remedies: []check.Remedy{{ID: "remove-residues", Summary: "Delete the leftovers.", Kind: check.Advice, Risk: check.Low, Preview: lines}},
		Verify:   []string{e.pipCheck()},
	})
}

var fileClobbered = check.Check{
	Code: "python.file-clobbered", Title: "Two packages overwrite each other's files", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "Two distributions claim the same file with different content. The one installed last has won, and the other runs with foreign code.",
		Detection:  "RECORD files of distributions that share a directory are compared by path and hash; size and hash of the file on disk tell whose it is. Two builds of one version of which the last one owns every file are for information, but for frameworks.",
		Cause:      "Variants of one package are installed side by side, such as the CUDA 11 and CUDA 12 builds of NVIDIA's libraries or opencv-python and opencv-python-headless. pip has no notion of a conflict between them.",
		Fix:        "Uninstall both and install the one that is wanted: the remaining one is damaged too once the other is removed.",
		Verify:     "Run the doctor again; import the package.",
		References: []string{"https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file", "https://github.com/pypa/pip/issues/4625"},
	},
	Run: perEnvironment(func(e *environment) {
		clobbers, _ := get[[]dist.Clobber](e, observed.Clobbered)
		for _, c := range clobbers {
			if !isRuntimePair(c.Names) {
				reportClobber(e, c)
			}
		}
	}),
}

// installOneOf installs those of two packages that others require, with their
// bounds, or where none is required leaves the choice.
func (e *environment) installOneOf(names [2]string) []string {
	var wanted []string
	for _, name := range names {
		if clauses, required := e.demands(pep508.Normalize(name)); required {
			wanted = append(wanted, name+strings.Join(clauses, ","))
		}
	}
	if len(wanted) > 0 {
		return []string{e.pip("install", append([]string{"--no-deps"}, wanted...)...)}
	}
	return []string{e.pip("install", names[1]) + "   # or " + names[0]}
}

// isFramework recognises packages of which one build computes on GPUs and its
// twin does not.
func isFramework(name string) bool {
	key := pep508.Normalize(name)
	return key == "torch" || slices.Contains(runtimeNames, key) || slices.Contains(kerasBackends["tensorflow"], key) || strings.HasPrefix(key, "nvidia-")
}

func reportClobber(e *environment, c dist.Clobber) {
	severity, whose := check.Warning, "whose file is there could not be told"
	if c.Native {
		severity = check.Error
	}
	if c.Winner != "" {
		whose = "the file there is that of " + c.Winner
	}
	if c.Whole && c.Twins && !slices.ContainsFunc(c.Names[:], isFramework) {
		severity, whose = check.Info, "all of them are those of "+c.Winner+", which works until one of the two is removed or upgraded"
	}
	e.report(check.Finding{
		Severity: severity,
		Detail: fmt.Sprintf("%s and %s both install %s with different content, for example %s; %s.",
			c.Owners[0], c.Owners[1], plural(c.Count, "file"), c.Paths[0], whose),
		Cause:    "Two builds of the same libraries are installed in one environment.",
		Evidence: e.paths(observed.Clobbered, c.Paths...),
		Explains: []string{codeRecordTorn, codeTorchNotLoadable, codeNotLoadable, codeUndefined, codeTorchABI, codeOnnxCUDA},
		Remedies: []check.Remedy{{
			ID: "keep-one", Summary: "Uninstall both and install the one that is needed.", Kind: check.InstallPackages, Risk: check.Medium,
			Preview: append([]string{e.pip("uninstall", c.Names[0], c.Names[1])}, e.installOneOf(c.Names)...),
		}},
		Verify: []string{e.pip("show", c.Names[0], c.Names[1])},
	})
}
