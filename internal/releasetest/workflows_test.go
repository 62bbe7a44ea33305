// SPDX-License-Identifier: Apache-2.0

package releasetest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

type workflow struct {
	On          yaml.Node      `yaml:"on"`
	Permissions yaml.Node      `yaml:"permissions"`
	Jobs        map[string]job `yaml:"jobs"`
}

type job struct {
	Permissions yaml.Node `yaml:"permissions"`
	Uses        string    `yaml:"uses"`
	Environment yaml.Node `yaml:"environment"`
	Steps       []step    `yaml:"steps"`
}

type step struct {
	Uses string         `yaml:"uses"`
	Run  string         `yaml:"run"`
	With map[string]any `yaml:"with"`
}

// pinned is an action by the hash of a commit, with its version for the reader.
var pinned = regexp.MustCompile(`^\s*-?\s*uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)

// piped is a program that is run without having been looked at.
var piped = regexp.MustCompile(`(?:curl|wget)[^\n|]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|(?:ba)?sh\s+<\(\s*(?:curl|wget)|eval\s+"?\$\((?:curl|wget)`)

// outside is text that strangers write, in a place where a shell would read it.
var outside = regexp.MustCompile(`\$\{\{`)

// audit lists what is wrong with a workflow.
func audit(text string) []string {
	var out []string
	for i, line := range strings.Split(text, "\n") {
		if code, _, _ := strings.Cut(line, " #"); strings.Contains(code, "uses:") && !pinned.MatchString(line) {
			out = append(out, fmt.Sprintf("line %d: not pinned by hash with its version beside it: %s", i+1, strings.TrimSpace(line)))
		}
	}
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return append(out, err.Error())
	}
	for _, event := range events(w.On) {
		if event == "pull_request_target" || event == "workflow_run" {
			out = append(out, event+" runs with our rights on what strangers send")
		}
	}
	if w.Permissions.IsZero() {
		out = append(out, "no permissions at the top: the default of the repository holds")
	} else {
		out = append(out, rights("the top", w.Permissions)...)
	}
	for name, j := range w.Jobs {
		out = append(out, auditJob(name, j)...)
	}
	slices.Sort(out)
	return out
}

func auditJob(name string, j job) []string {
	var out []string
	if !j.Permissions.IsZero() && j.Environment.IsZero() {
		out = append(out, rights("job "+name, j.Permissions)...)
	}
	for _, s := range j.Steps {
		if piped.MatchString(s.Run) {
			out = append(out, name+": runs what it downloads without a look")
		}
		if outside.MatchString(s.Run) {
			out = append(out, name+": an expression inside of a script: hand it over in env")
		}
		if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
			out = append(out, name+": leaves its token in the checkout")
		}
	}
	return out
}

// rights are complaints about permissions to write, which only a job in a protected
// environment may have.
func rights(where string, p yaml.Node) []string {
	if p.Kind == yaml.ScalarNode && p.Value != "read-all" {
		return []string{where + " has permissions " + p.Value}
	}
	var each map[string]string
	_ = p.Decode(&each)
	var out []string
	for what, right := range each {
		if right == "write" {
			out = append(out, where+" may write "+what+" outside of a protected environment")
		}
	}
	return out
}

// events are the names of what starts a workflow, however they are written.
func events(on yaml.Node) []string {
	if on.Kind == yaml.ScalarNode {
		return []string{on.Value}
	}
	var out []string
	for i, n := range on.Content {
		if on.Kind == yaml.SequenceNode || i%2 == 0 {
			out = append(out, n.Value)
		}
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

func TestWorkflows(t *testing.T) {
	var files []string
	for _, ending := range []string{"*.yml", "*.yaml"} {
		found, err := filepath.Glob(filepath.Join(root, ".github", "workflows", ending))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 2 {
		t.Fatalf("workflows %v", files)
	}
	for _, file := range files {
		for _, complaint := range audit(read(t, ".github/workflows/"+filepath.Base(file))) {
			t.Errorf("%s: %s", filepath.Base(file), complaint)
		}
	}
}

// TestAudit shows that the audit sees what it is for.
func TestAudit(t *testing.T) {
	const head = "on: push\npermissions: {contents: read}\njobs:\n  a:\n    steps:\n"
	hash := strings.Repeat("0a", 20)
	for _, c := range []struct{ name, text, want string }{
		{"a tag", head + "      - uses: acme/thing@v1\n", "not pinned"},
		{"a branch in quotes", head + "      - uses: \"acme/thing@main\" # v1.0.0\n", "not pinned"},
		{"a short hash", head + "      - uses: acme/thing@0a0a0a0 # v1.0.0\n", "not pinned"},
		{"no version", head + "      - uses: acme/thing@" + hash + "\n", "not pinned"},
		{"an image", head + "      - uses: docker://alpine:3\n", "not pinned"},
		{"permissions missing", "on: push\njobs: {a: {steps: [{run: make}]}}\n", "no permissions"},
		{"permissions for all", "on: push\npermissions: write-all\njobs: {}\n", "write-all"},
		{"permission to write", "on: push\npermissions: {contents: write}\njobs: {}\n", "may write contents"},
		{"a job that may write", "on: push\npermissions: {}\njobs: {a: {permissions: {packages: write}, steps: []}}\n", "may write packages"},
		{"pull_request_target", "on: [push, pull_request_target]\npermissions: {}\njobs: {}\n", "pull_request_target"},
		{"its long form", "on:\n  pull_request_target: {branches: [main]}\npermissions: {}\njobs: {}\n", "pull_request_target"},
		{"curl into sh", head + "      - run: curl -sSfL https://example.org/i.sh | sh -s -- -b bin\n", "without a look"},
		{"wget into bash", head + "      - run: |\n          wget -qO- https://example.org/i | sudo bash\n", "without a look"},
		{"process substitution", head + "      - run: bash <(curl -s https://example.org/i)\n", "without a look"},
		{"a title in a script", head + "      - run: echo ${{ github.event.pull_request.title }}\n", "hand it over in env"},
		{"a token left", head + "      - uses: actions/checkout@" + hash + " # v5.0.0\n", "leaves its token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(audit(c.text), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("complaints %q, want %q", got, c.want)
			}
		})
	}
	good := head + "      - uses: actions/checkout@" + hash + " # v5.0.0\n        with: {persist-credentials: false}\n      - run: make test | tail\n"
	if got := audit(good); len(got) > 0 {
		t.Errorf("a good workflow: %q", got)
	}
}

// TestOnlyOneJobMayWrite: rights beyond reading are in the job that a person lets
// through, and it waits for all others.
func TestOnlyOneJobMayWrite(t *testing.T) {
	var w struct {
		Jobs map[string]struct {
			Permissions map[string]string `yaml:"permissions"`
			Needs       []string          `yaml:"needs"`
			Environment string            `yaml:"environment"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/release.yml")), &w); err != nil {
		t.Fatal(err)
	}
	publish := w.Jobs["publish"]
	if publish.Environment != "release" || len(publish.Needs) != len(w.Jobs)-1 {
		t.Errorf("publish runs in environment %q after %v", publish.Environment, publish.Needs)
	}
	for name, j := range w.Jobs {
		if name == "publish" {
			continue
		}
		if len(j.Permissions) != 1 || j.Permissions["contents"] != "read" {
			t.Errorf("job %s has permissions %v", name, j.Permissions)
		}
	}
}
