// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// nameFinder matches pseudonyms, which stay, and the names and secrets that
// were learned, the longest first.
type nameFinder = *regexp.Regexp

func (r *Redactor) buildFinder() nameFinder {
	if r.finder != nil {
		return r.finder
	}
	all := append(slices.Collect(maps.Keys(r.names)), slices.Collect(maps.Keys(r.secrets))...)
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	parts := []string{pseudonymForm}
	for _, s := range all {
		parts = append(parts, regexp.QuoteMeta(s))
	}
	r.finder = regexp.MustCompile("(?i:" + strings.Join(parts, "|") + ")")
	return r.finder
}

// replaceNames replaces learned names where they are words, and learned
// secrets everywhere.
func (r *Redactor) replaceNames(s string) string {
	find := r.buildFinder()
	var b strings.Builder
	for at := 0; at < len(s); {
		m := find.FindStringIndex(s[at:])
		if m == nil {
			b.WriteString(s[at:])
			break
		}
		from, to := at+m[0], at+m[1]
		b.WriteString(s[at:from])
		if with, ok := r.nameAt(s, from, to); ok {
			b.WriteString(with)
			at = to
			continue
		}
		_, size := utf8.DecodeRuneInString(s[from:])
		b.WriteString(s[from : from+size])
		at = from + size
	}
	return b.String()
}

// nameAt says what stands in the place of a match.
func (r *Redactor) nameAt(s string, from, to int) (with string, ok bool) {
	found := s[from:to]
	lower := strings.ToLower(found)
	kind, named := r.names[lower]
	switch {
	case isPseudonym(found):
		return found, true
	case r.secrets[found]:
		return r.pseudonym("secret", found), true
	case !named || !wordEnds(s, from, to):
		return "", false
	case r.vocabulary[lower] && !inPath(s, from):
		return "", false
	}
	return r.pseudonym(string(kind), found), true
}

// wordEnds reports whether neither a letter nor a digit stands on both sides
// of an end of the stretch.
func wordEnds(s string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	return !alphanumeric(before) && !alphanumeric(after)
}

func alphanumeric(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// homeParents are the directories whose entries are named after users.
var homeParents = []string{"/home/", "/users/", `\users\`, "/media/", "~"}

// inPath reports whether a home directory of that name begins at from.
func inPath(s string, from int) bool {
	before := strings.ToLower(s[max(0, from-len(`\users\`)):from])
	return slices.ContainsFunc(homeParents, func(p string) bool { return strings.HasSuffix(before, p) })
}

// pseudonymForm matches the pseudonyms that have no form of their own.
const pseudonymForm = `<(?:user|host|email|serial|secret)[0-9]+>`

var pseudonymOnly = pattern.Lazy("^(?:" + pseudonymForm + ")$")

func isPseudonym(s string) bool { return strings.HasPrefix(s, "<") && pseudonymOnly().MatchString(s) }

// set makes a set of words.
func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// common are names that identify nobody: those that systems and images come
// with, and words that would be missed in a report.
var common = set(`
	root ubuntu debian centos fedora rocky alma arch nixos ec2-user azureuser opc admin administrator user users
	username guest nobody daemon default public shared share home work workspace workspaces app apps runner vagrant
	docker podman containerd git github gitlab jenkins ci build builder test tests tester dev devel developer
	jovyan vscode codespace colab conda mamba anaconda miniconda pip python node nvidia cuda torch jax data dataset
	datasets model models www www-data slurm gdm lightdm mysql postgres redis systemd systemd-network messagebus sshd
	nixbld linuxbrew homebrew brew local localhost localdomain host hostname machine server client none null true
	false unknown lost+found all any other others owner group name path file dir tmp var usr opt etc lib bin run
	feedstock_root gpu cpu driver version library kernel error warning info`)

// publicHosts are those that everybody reaches.
var publicHosts = strings.Fields(`
	pypi.org pythonhosted.org python.org pytorch.org huggingface.co hf.co hf-mirror.com github.com github.io
	githubusercontent.com gitlab.com bitbucket.org nvidia.com nvcr.io nvidia.cn docker.com docker.io quay.io ghcr.io
	anaconda.org anaconda.com conda.io conda-forge.org prefix.dev googleapis.com gcr.io pkg.dev google.com
	metadata.google.internal microsoft.com debian.org ubuntu.com canonical.com fedoraproject.org centos.org
	redhat.com kernel.org readthedocs.io readthedocs.org aliyun.com aliyuncs.com tsinghua.edu.cn modelscope.cn
	modelscope.ai wandb.ai mlflow.org kubernetes.io k8s.io freedesktop.org opencontainers.org jupyter.org apache.org
	tensorflow.org amd.com intel.com apple.com npmjs.org crates.io golang.org json-schema.org w3.org example.com
	example.org example.net localhost localhost.localdomain host.docker.internal gateway.docker.internal
	kubernetes.docker.internal kubernetes.default.svc astral.sh`)

// isPublic reports whether a host belongs to one of publicHosts, or is an
// example (RFC 2606).
func isPublic(host string) bool {
	host = strings.ToLower(strings.Trim(host, "."))
	if strings.HasSuffix(host, ".example") || strings.HasSuffix(host, ".localhost") || host == "example" {
		return true
	}
	return slices.ContainsFunc(publicHosts, func(p string) bool { return host == p || strings.HasSuffix(host, "."+p) })
}
