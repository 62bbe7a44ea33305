// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/staging"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// packFlags say what to pack, and where to.
type packFlags struct {
	out      string
	platform string
	version  string
	all      bool
}

func (a *app) pluginPackCmd() *cobra.Command {
	var p packFlags
	cmd := &cobra.Command{
		Use: "pack DIR", Short: "Pack a built plugin into the archive that a registry takes",
		Long: "Pack completes the manifest of a plugin (version, protocols, executable, digest)\n" +
			"and writes its archive. The same files give the same bytes; names that begin\n" +
			"with a dot and __pycache__ are left out. DIR holds the plugin, or a directory\n" +
			"for each platform: DIR/linux_amd64, DIR/windows_amd64; what lies beside those\n" +
			"goes into every archive. A plugin that can run here is started in its sandbox\n" +
			"and must tell the manifest's name and version.",
		Example: "  bulkhead plugin pack dist\n  bulkhead plugin pack dist --all --version 1.2.0 -o release",
		Args:    exactly(1, "the directory with the built plugin"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.pluginPack(cmd.Context(), &p, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&p.out, "out", "o", "", "`file` to write, or with --all the directory (default: NAME_VERSION_PLATFORM.tar.zst here)")
	f.StringVar(&p.platform, "platform", "", "`platform` to pack, such as linux_amd64 or any (default: that of this machine)")
	f.StringVar(&p.version, "version", "", "`version` of the plugin (default: that of its manifest)")
	f.BoolVar(&p.all, "all", false, "pack every platform that DIR holds")
	// Here -o is the archive, as in every other packer; the format of the result has
	// its long name.
	f.StringVar(&a.flags.format, "format", report.Text, "output `format`: text or json")
	return cmd
}

// choose lists what is to be packed.
func (p *packFlags) choose(dir string) ([]staging.Source, error) {
	if p.all && p.platform != "" {
		return nil, misuse("--all and --platform %s ask for different things; give one of them", p.platform)
	}
	if p.platform != "" {
		if err := release.CheckPlatform(p.platform); err != nil {
			return nil, misuse("--platform: %w", err)
		}
	}
	found, err := staging.Find(dir, p.platform)
	if err != nil {
		return nil, failed("The plugin cannot be packed", err)
	}
	if p.all || len(found) == 1 {
		return found, nil
	}
	for _, s := range found {
		if s.Platform == release.Host() {
			return []staging.Source{s}, nil
		}
	}
	return nil, misuse("%s holds nothing for this machine, %s, but for %v; choose one with --platform, or take --all", dir, release.Host(), staging.Platforms(found))
}

func (a *app) pluginPack(ctx context.Context, p *packFlags, dir string) error {
	sources, err := p.choose(dir)
	if err != nil {
		return err
	}
	if p.all && p.out != "" {
		if err := os.MkdirAll(p.out, 0o755); err != nil {
			return failed("The directory for the archives could not be made", err)
		}
	} else if p.out != "" {
		if err := replaceable(p.out); err != nil {
			return err
		}
	}
	out := packReport{SchemaVersion: report.SchemaVersion, Tool: tool(), Archives: []packedArchive{}}
	for i := range sources {
		if err := a.packOne(ctx, p, &sources[i], &out); err != nil {
			return failed("The plugin cannot be packed", fmt.Errorf("for %s: %w", sources[i].Platform, err))
		}
	}
	return a.result(out)
}

// packOne stages, asks and packs a plugin for one platform.
func (a *app) packOne(ctx context.Context, p *packFlags, s *staging.Source, out *packReport) error {
	temp, err := p.stage(*s)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	staged, err := s.Stage(temp, p.version)
	if err != nil {
		return err
	}
	m := staged.Manifest
	if err := p.forOne(s, temp, m); err != nil {
		return err
	}
	if out.Name != "" && (out.Name != m.Name || out.Version != m.Version) {
		return fmt.Errorf("it is %s %s, and another platform is %s %s", m.Name, m.Version, out.Name, out.Version)
	}
	out.Name, out.Version = m.Name, m.Version
	row := packedArchive{Platform: s.Platform, File: p.file(m.Name, m.Version, s.Platform), LeftOut: staged.LeftOut}
	if s.Platform == release.Host() || s.Platform == release.Any {
		environment := environmentOf(*s, staged)
		d, err := a.describeStaged(ctx, staged, environment)
		if err != nil {
			return err
		}
		if environment != "" {
			row.Warnings = a.packagesLeftOut(ctx, staged)
		}
		row.Described = true
		out.learn(d)
	}
	if err := row.write(temp); err != nil {
		return err
	}
	out.Archives = append(out.Archives, row)
	return nil
}

// forOne corrects the platform of a script that brings compiled packages: an archive
// for any platform would be installed where they do not load.
func (p *packFlags) forOne(s *staging.Source, dir string, m *manifest.Manifest) error {
	if s.Platform != release.Any {
		return nil
	}
	platform, why, err := repo.Built(dir, m)
	said := p.platform != "" || s.Beside != "" // with the flag, or the name of the directory
	switch {
	case err != nil || platform == release.Any || platform == "" && said:
		return err
	case platform == "":
		return fmt.Errorf("%s; say with --platform what it is for, such as %s", why, release.Host())
	case s.Beside != "":
		return fmt.Errorf("%s, so it is not for any platform; call its directory %s", why, platform)
	case said:
		return fmt.Errorf("%s, so it is not for any platform; leave --platform out", why)
	}
	s.Platform = platform
	return nil
}

// stage makes a directory for the files of one archive: beside the archive, or else
// beside the plugin, and if possible not in /tmp, of which a sandbox has its own: the
// packages of a script could not be shown there.
func (p *packFlags) stage(s staging.Source) (string, error) {
	var errs []error
	for _, hidden := range []bool{false, true} {
		for _, dir := range []string{filepath.Dir(p.file("", "", "")), filepath.Dir(s.Dir)} {
			abs, err := filepath.Abs(dir)
			if err != nil || catalog.Hidden(abs) != hidden {
				continue
			}
			temp, err := os.MkdirTemp(abs, ".bulkhead-pack-")
			if err == nil {
				return temp, nil
			}
			errs = append(errs, err)
		}
	}
	return "", errors.Join(errs...)
}

// file is where an archive goes.
func (p *packFlags) file(name, version, platform string) string {
	standard := fmt.Sprintf("%s_%s_%s.tar.zst", name, version, platform)
	if p.all {
		return filepath.Join(p.out, standard)
	}
	return cmp.Or(p.out, standard)
}

// describeStaged starts the staged plugin in its sandbox, with the virtual environment
// that is named, if any. The host itself refuses one whose name or version is not that
// of its manifest.
func (a *app) describeStaged(ctx context.Context, staged *staging.Staged, environment string) (*pluginv1.DescribeResponse, error) {
	if environment != "" {
		link := filepath.Join(filepath.Dir(staged.Executable), venv)
		if err := os.Symlink(environment, link); err != nil {
			return nil, err
		}
		defer os.Remove(link)
	}
	session, err := a.open(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	defer session.close()
	session.launcher.CacheDir = "" // what it said before may have been with other packages
	name, err := session.launcher.Catalog.AddPath(staged.Executable)
	if err != nil {
		return nil, err
	}
	return session.launcher.Describe(ctx, name)
}

// venv is the virtual environment beside a script.
const venv = ".venv"

// environmentOf is the virtual environment that stands where a script was staged from,
// which no archive holds; "" without one.
func environmentOf(s staging.Source, staged *staging.Staged) string {
	if staged.Manifest.Runtime == nil {
		return ""
	}
	for _, dir := range []string{s.Dir, s.Beside} {
		from, err := filepath.Abs(filepath.Join(dir, venv))
		if _, absent := os.Stat(from); dir != "" && err == nil && absent == nil {
			return from
		}
	}
	return ""
}

// packagesLeftOut starts a script as others will get it, without the environment of
// its author, and says why it does not start.
func (a *app) packagesLeftOut(ctx context.Context, staged *staging.Staged) []string {
	quiet := *a
	quiet.log = hclog.NewNullLogger()
	_, err := quiet.describeStaged(ctx, staged, "")
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return []string{fmt.Sprintf("the archive does not start without %s, which it does not hold: %v", venv, err)}
}

// packReport is what `bulkhead plugin pack` prints.
type packReport struct {
	SchemaVersion string          `json:"schema_version"`
	Tool          report.Tool     `json:"tool"`
	Name          string          `json:"name"`
	Version       string          `json:"version"`
	Archives      []packedArchive `json:"archives"`
	// What the plugin offers; left out when it could not be asked here.
	Collectors []string         `json:"collectors,omitempty"`
	Checks     []string         `json:"checks,omitempty"`
	Kernels    []release.Kernel `json:"kernels,omitempty"`
}

// packedArchive is one archive.
type packedArchive struct {
	Platform string `json:"platform"`
	File     string `json:"file"`
	H1       string `json:"h1"`
	SHA256   string `json:"sha256"`
	Bytes    int64  `json:"bytes"`
	Unpacked int64  `json:"unpacked"`
	Files    int    `json:"files"`
	// LeftOut are files and directories that no archive holds.
	LeftOut []string `json:"left_out,omitempty"`
	// Warnings are what keeps those who install it from using it.
	Warnings []string `json:"warnings,omitempty"`
	// Described: the plugin ran here and agrees with its manifest.
	Described bool `json:"described"`
}

// write packs a staged directory into the file, whole or not at all.
func (p *packedArchive) write(dir string) error {
	var packed archive.Packed
	err := writeFile(p.File, func(w io.Writer) (err error) {
		packed, err = archive.Pack(dir, w, archive.Options{})
		return err
	})
	p.H1, p.SHA256, p.Bytes, p.Unpacked, p.Files = packed.H1, packed.SHA256, packed.Bytes, packed.Unpacked, len(packed.Files)
	if refused, ok := errors.AsType[*archive.RefusedError](err); ok {
		return refused // a registry would say the same
	}
	return err
}

// learn takes what a plugin says that it offers.
func (r *packReport) learn(d *pluginv1.DescribeResponse) {
	r.Collectors, r.Checks, r.Kernels = nil, nil, nil
	for _, c := range d.GetCollectors() {
		r.Collectors = append(r.Collectors, c.GetName())
	}
	for _, c := range d.GetChecks() {
		r.Checks = append(r.Checks, c.GetCode())
	}
	for _, k := range d.GetKernels() {
		r.Kernels = append(r.Kernels, release.Kernel{
			Name: k.GetName(), Compartment: k.GetCompartment(), StateVersion: k.GetStateVersion(), MinStateVersion: k.GetMinStateVersion(),
		})
	}
}

// WriteJSON writes the outcome as one JSON document.
func (r packReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes some lines for each archive.
func (r packReport) WriteText(w io.Writer, opt report.Options) error {
	fmt.Fprintf(w, "%s %s: %s, %s, %s\n", r.Name, r.Version, count(len(r.Collectors), "collector", "collectors"),
		count(len(r.Checks), "check", "checks"), count(len(r.Kernels), "kernel", "kernels"))
	for _, p := range r.Archives {
		fmt.Fprintf(w, "\n%s\n  %s in %s, %s unpacked\n  %s\n  %s\n", report.CleanLine(p.File), bytesText(p.Bytes), count(p.Files, "file", "files"), bytesText(p.Unpacked), p.H1, p.SHA256)
		if len(p.LeftOut) > 0 {
			say(w, opt, "  left out: %s", strings.Join(p.LeftOut, ", "))
		}
		for _, warning := range p.Warnings {
			say(w, opt, "  warning: %s", warning)
		}
		if !p.Described {
			fmt.Fprintf(w, "  not started: it is for %s, and this machine is %s\n", p.Platform, release.Host())
		}
	}
	return nil
}
