// SPDX-License-Identifier: Apache-2.0

package releasetest

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// config is what the tests look at in .goreleaser.yaml.
type config struct {
	Version int
	Before  struct{ Hooks []string }
	Builds  []struct {
		Env, Goos, Goarch, Flags, Ldflags []string
		ModTimestamp                      string `yaml:"mod_timestamp"`
	}
	Archives []struct {
		Name    string `yaml:"name_template"`
		Wrap    bool   `yaml:"wrap_in_directory"`
		Formats []string
		Info    map[string]any `yaml:"builds_info"`
		Files   []struct {
			Src  string
			Info map[string]any
		}
	}
	Nfpms []struct {
		Formats  []string
		Mtime    string
		Contents []struct {
			Src, Dst string
			Info     map[string]any `yaml:"file_info"`
		}
	}
	Sboms []struct {
		Artifacts string
		Args      []string
		Documents []string
	}
	Checksum struct{ Algorithm string }
	Signs    []struct {
		Artifacts, Cmd string
		Args           []string
	}
	Dockers []struct {
		Dockerfile string
		Platforms  []string
		Labels     map[string]string
	} `yaml:"dockers_v2"`
	DockerSigns []map[string]any `yaml:"docker_signs"`
	Casks       []map[string]any `yaml:"homebrew_casks"`
	Release     struct{ Draft bool }
}

func configuration(t *testing.T) config {
	t.Helper()
	var c config
	if err := yaml.Unmarshal([]byte(read(t, ".goreleaser.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReleaseHasAll: every platform and every form that is promised is built.
func TestReleaseHasAll(t *testing.T) {
	c := configuration(t)
	if c.Version != 2 || len(c.Builds) != 1 {
		t.Fatalf("version %d, %d builds", c.Version, len(c.Builds))
	}
	b := c.Builds[0]
	if !slices.Equal(b.Goos, []string{"linux", "darwin", "windows"}) || !slices.Equal(b.Goarch, []string{"amd64", "arm64"}) {
		t.Errorf("platforms %v on %v", b.Goos, b.Goarch)
	}
	if !slices.Equal(c.Nfpms[0].Formats, []string{"deb", "rpm"}) || len(c.Casks) != 1 || len(c.DockerSigns) != 1 || !c.Release.Draft {
		t.Errorf("packages %v, casks %d, signed images %d, draft %v", c.Nfpms[0].Formats, len(c.Casks), len(c.DockerSigns), c.Release.Draft)
	}
	var forms []string
	for _, s := range c.Sboms {
		forms = append(forms, s.Args[slices.Index(s.Args, "-form")+1])
	}
	if !slices.Equal(forms, []string{"spdx", "cyclonedx"}) {
		t.Errorf("bills of materials %v", forms)
	}
	if c.Checksum.Algorithm != "sha256" || c.Signs[0].Artifacts != "checksum" || c.Signs[0].Cmd != "cosign" {
		t.Errorf("checksums %v, signatures %+v", c.Checksum, c.Signs)
	}
}

// TestArchivesComeWithTheirTexts: licence, changelog, manual and completions.
func TestArchivesComeWithTheirTexts(t *testing.T) {
	c := configuration(t)
	var archive, pkg []string
	for _, f := range c.Archives[0].Files {
		archive = append(archive, f.Src)
	}
	for _, f := range c.Nfpms[0].Contents {
		pkg = append(pkg, f.Dst)
	}
	for _, want := range []string{"LICENSE", "README.md", "CHANGELOG.md", "bin/release/THIRD_PARTY_LICENSES", "bin/release/man/*.1", "bin/release/completions/*"} {
		if !slices.Contains(archive, want) {
			t.Errorf("archives have no %s", want)
		}
	}
	for _, want := range []string{"/usr/share/man/man1", "/usr/share/bash-completion/completions/bulkhead", "/usr/share/doc/bulkhead/copyright", "/usr/share/licenses/bulkhead/LICENSE"} {
		if !slices.Contains(pkg, want) {
			t.Errorf("packages have no %s", want)
		}
	}
}

// TestNothingBearsTheTimeOfTheBuild: each time in a release is that of its commit,
// and no path and no C compiler comes into an executable.
func TestNothingBearsTheTimeOfTheBuild(t *testing.T) {
	c := configuration(t)
	b := c.Builds[0]
	for _, flag := range []string{"-trimpath", "-buildvcs=false"} {
		if !slices.Contains(b.Flags, flag) {
			t.Errorf("built without %s", flag)
		}
	}
	if !slices.Contains(b.Env, "CGO_ENABLED=0") || !strings.Contains(b.Ldflags[0], " -buildid= ") || b.ModTimestamp != "{{ .CommitTimestamp }}" {
		t.Errorf("environment %v, linker %v, time %q", b.Env, b.Ldflags, b.ModTimestamp)
	}
	const commit = "{{ .CommitDate }}"
	if c.Archives[0].Info["mtime"] != commit || c.Nfpms[0].Mtime != commit {
		t.Errorf("times of archives %v, of packages %q", c.Archives[0].Info, c.Nfpms[0].Mtime)
	}
	for _, f := range c.Archives[0].Files {
		if f.Info["mtime"] != commit || f.Info["owner"] != "root" || f.Info["mode"] != 0o644 {
			t.Errorf("%s in archives: %v", f.Src, f.Info)
		}
	}
	for _, f := range c.Nfpms[0].Contents {
		if f.Info["mtime"] != commit || f.Info["mode"] != 0o644 {
			t.Errorf("%s in packages: %v", f.Src, f.Info)
		}
	}
}

// TestImageTrustsNobody: there is no base image, and the user is not root.
func TestImageTrustsNobody(t *testing.T) {
	c := configuration(t)
	if len(c.Dockers) != 1 || !slices.Equal(c.Dockers[0].Platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Fatalf("images %+v", c.Dockers)
	}
	for _, label := range []string{"licenses", "source", "version", "revision", "created"} {
		if c.Dockers[0].Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("the image has no label %s", label)
		}
	}
	user := ""
	for line := range strings.Lines(read(t, c.Dockers[0].Dockerfile)) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "FROM" && words[1] != "scratch":
			t.Errorf("the image stands on %s", words[1])
		case words[0] == "USER":
			user = words[1]
		case words[0] == "RUN" || words[0] == "ADD":
			t.Errorf("%s in the image: it only copies", words[0])
		}
	}
	if user != "65532:65532" {
		t.Errorf("the image runs as %q", user)
	}
}

// TestWorkflowsOfOthersFindTheArchive: what `bulkhead init ci` and `bulkhead plugin new`
// write downloads an archive by its name and finds the executable at its top.
func TestWorkflowsOfOthersFindTheArchive(t *testing.T) {
	a := configuration(t).Archives[0]
	if a.Wrap || a.Name != "{{ .ProjectName }}_{{ .Version }}_{{ .Os }}_{{ .Arch }}" {
		t.Errorf("archives are %q, in a directory of their own: %v", a.Name, a.Wrap)
	}
	for _, file := range []string{"host/cli/templates/workflow.yml.tmpl", "host/scaffold/templates/python/ci.yml.tmpl"} {
		text := read(t, file)
		if !strings.Contains(text, `archive="bulkhead_${BULKHEAD_VERSION}_linux_amd64.tar.gz"`) ||
			!strings.Contains(text, "tar -xzf \"$archive\" -C \"$HOME/bulkhead\"\n") {
			t.Errorf("%s unpacks something else", file)
		}
	}
}
