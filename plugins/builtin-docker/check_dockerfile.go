// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var unquotedVersion = check.Check{
	Code: "dockerfile.unquoted-version", Title: "The shell cuts a version constraint off",
	Area: "docker",
	Doc: check.Doc{
		Meaning: "A RUN instruction gives a package installer a requirement with > or < outside of quotes. The shell takes it for a redirection: of pip install torch>=2.4, pip installs any torch, " +
			"and its output goes to a file named \"=2.4\". With < the build stops, because the file to read is not there.",
		Detection: "RUN instructions that a POSIX-like shell runs, with continuation lines, here documents and sh -c, are cut into words and redirections as the shell does. " +
			"A redirection of pip, uv, conda, mamba, pipx, poetry or pdm whose file is a version number is reported; output to a log file is not.",
		Cause:  "Requirements are written without quotes in requirements.txt and with them in a shell.",
		Fix:    "Quote the requirement, or put it into a requirements file.",
		Verify: "docker build shows the version that was asked for, and the image has no file whose name begins with \"=\".",
		References: []string{
			"https://pip.pypa.io/en/stable/cli/pip_install/#requirement-specifiers",
			"https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_07",
		},
	},
	Run: runUnquotedVersion,
}

func runUnquotedVersion(c *check.Context) {
	for _, name := range c.Facts.Instances("dockerfile") {
		found, _ := fact.Get[[]redirected](c.Facts, fact.At("dockerfile", name, "redirected_requirements"))
		for _, r := range found {
			reportRedirected(c, name, r, found)
		}
	}
}

func reportRedirected(c *check.Context, name string, r redirected, all []redirected) {
	severity, effect := check.Warning, fmt.Sprintf("%s sees no version, and the shell writes a file named %q", r.Installer, r.Target)
	if r.Operator == "<" {
		severity, effect = check.Error, fmt.Sprintf("the shell looks for a file named %q to read and stops the build", r.Target)
	}
	c.Report(check.Finding{
		Severity: severity,
		Subject:  fmt.Sprintf("%s:%d", name, r.Line),
		Detail:   fmt.Sprintf("%s, line %d: in %q the shell takes %s for a redirection: %s.", path.Base(name), r.Line, r.Requirement, r.Operator, effect),
		Cause:    "The requirement stands outside of quotes.",
		Evidence: []fact.Evidence{{
			Fact: fact.At("dockerfile", name, "redirected_requirements"), Path: name, Line: r.Line, Value: shortened(r.Text),
		}},
		Remedies: []check.Remedy{{
			ID: "quote", Summary: fmt.Sprintf("Quote the requirement in line %d", r.Line), Kind: check.WriteFile, Risk: check.Low,
			Preview: []string{corrected(r, all)},
		}},
		Verify: []string{"docker build --progress=plain " + path.Dir(name)},
	})
}

// corrected is the whole line with every cut requirement of it quoted, or just
// the quoted requirement where its place in the line is not known.
func corrected(r redirected, all []redirected) string {
	if r.End == 0 {
		return quotedRequirement(r)
	}
	var b strings.Builder
	at := 0
	for _, other := range all {
		if other.Line != r.Line || other.End == 0 || other.Start < at || other.End > len(r.Text) {
			continue
		}
		b.WriteString(r.Text[at:other.Start] + quotedRequirement(other))
		at = other.End
	}
	return b.String() + r.Text[at:]
}

// quotedRequirement uses double quotes, in which variables still work, unless
// the script around it does.
func quotedRequirement(r redirected) string {
	mark := `"`
	if r.Quote == `"` {
		mark = `'`
	}
	return mark + r.Requirement + mark
}

// maxShown bounds a line in evidence, in bytes.
const maxShown = 200

func shortened(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxShown {
		return strings.ToValidUTF8(text[:maxShown], "") + "..."
	}
	return text
}
