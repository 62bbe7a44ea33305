// SPDX-License-Identifier: Apache-2.0

package releasetest

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/bulkhead-ml/bulkhead/packaging/versions"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// TestOneVersion: sdk/version, the Python SDK and the changelog agree.
func TestOneVersion(t *testing.T) {
	if err := versions.Check(root, ""); err != nil {
		t.Error(err)
	}
	if !semver.IsValid("v" + version.Version) {
		t.Errorf("%q is no semantic version", version.Version)
	}
}

// TestRefusesAnotherTag: a release cannot bear a tag that the source does not.
func TestRefusesAnotherTag(t *testing.T) {
	for _, tag := range []string{"v99.0.0", version.Version, "v" + version.Version + "-rc.1"} {
		if err := versions.Check(root, tag); err == nil || !strings.Contains(err.Error(), tag) {
			t.Errorf("tag %s: %v", tag, err)
		}
	}
}

// TestTheTagIsChecked: goreleaser itself refuses, not only the workflow.
func TestTheTagIsChecked(t *testing.T) {
	c := configuration(t)
	if len(c.Before.Hooks) == 0 || !strings.HasPrefix(c.Before.Hooks[0], "go run ./packaging/checkversion {{ if not .IsSnapshot }}{{ .Tag }}") {
		t.Errorf("hooks before a release: %q", c.Before.Hooks)
	}
	if !strings.Contains(read(t, ".github/workflows/release.yml"), `make checkversion TAG="$GITHUB_REF_NAME"`) {
		t.Error("the workflow does not check the tag")
	}
}

// TestCompilerIsExact: releases are built by one compiler, which is new enough, and
// it is the one whose standard library is looked at for known vulnerabilities.
func TestCompilerIsExact(t *testing.T) {
	line := regexp.MustCompile(`(?m)^ +GO_VERSION: "(\d+\.\d+\.\d+)"$`)
	found := line.FindStringSubmatch(read(t, ".github/workflows/release.yml"))
	if found == nil {
		t.Fatal("release.yml names no exact version of Go")
	}
	if looked := line.FindStringSubmatch(read(t, ".github/workflows/ci.yml")); looked == nil || looked[1] != found[1] {
		t.Errorf("releases are built with Go %s, and ci.yml looks at %v", found[1], looked)
	}
	mod, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if semver.Compare("v"+found[1], "v"+mod.Go.Version) < 0 {
		t.Errorf("releases are built with Go %s, and go.mod wants %s", found[1], mod.Go.Version)
	}
}

// TestToolsArePinned: whatever the Makefile installs, it installs at a version.
func TestToolsArePinned(t *testing.T) {
	text := read(t, "Makefile")
	installs := regexp.MustCompile(`install (\S+)@(\S+)`).FindAllStringSubmatch(text, -1)
	if len(installs) < 6 {
		t.Fatalf("the Makefile installs %v", installs)
	}
	exact := regexp.MustCompile(`^v\d+\.\d+\.\d+$`)
	for _, found := range installs {
		v := found[2]
		if name, ok := strings.CutPrefix(v, "$("); ok {
			m := regexp.MustCompile(`(?m)^` + strings.TrimSuffix(name, ")") + ` := (\S+)$`).FindStringSubmatch(text)
			if m == nil {
				t.Errorf("%s: %s is set nowhere", found[1], v)
				continue
			}
			v = m[1]
		}
		if !exact.MatchString(v) {
			t.Errorf("%s is installed at %s", found[1], v)
		}
	}
	if !regexp.MustCompile(`(?m)^ziglang==\S+(?: \\\n    --hash=sha256:[0-9a-f]{64})+$`).MatchString(read(t, "packaging/zig.txt")) {
		t.Error("the C compiler is not pinned by hash")
	}
	if !regexp.MustCompile(`(?m)^certifi==\S+ --hash=sha256:[0-9a-f]{64}$`).MatchString(read(t, "packaging/cacert.txt")) {
		t.Error("the certificates are not pinned by hash")
	}
}

// TestCanBeInstalledByGo: `go install ...@VERSION`, which the workflows of plugin
// authors run, refuses a module whose go.mod replaces or excludes another one.
func TestCanBeInstalledByGo(t *testing.T) {
	f, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Replace) > 0 || len(f.Exclude) > 0 {
		t.Errorf("go.mod has %d replace and %d exclude directives", len(f.Replace), len(f.Exclude))
	}
}
