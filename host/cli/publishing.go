// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/internal/scratch"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func platformsOf(r *release.Release) []string { return slices.Sorted(maps.Keys(r.Platforms)) }

// release makes a release of archives, each written as FILE or PLATFORM=FILE.
func (s signer) release(ctx context.Context, args []string) (*repo.NewRelease, []string, error) {
	platforms := map[string]string{}
	var archives []string
	for _, arg := range args {
		platform, file, ok := strings.Cut(arg, "=")
		if !ok || release.CheckPlatform(platform) != nil {
			platform, file = "", arg
		}
		archives, platforms[file] = append(archives, file), platform
	}
	changes, err := s.what.text()
	if err != nil {
		return nil, nil, err
	}
	d := repo.Details{Namespace: s.what.namespace, Homepage: s.what.homepage, Changes: changes, MinHost: s.what.minHost, Published: time.Now()}
	n, err := repo.ReadRelease(ctx, archives, platforms, d)
	if err != nil {
		return nil, nil, err
	}
	warning := s.ask(ctx, n)
	if warning == "" {
		return n, nil, n.Release.Validate()
	}
	return n, []string{warning}, nil
}

// ask starts the plugin, if it is one for this machine, and writes what it offers
// into the release. It returns what kept it from that.
func (s signer) ask(ctx context.Context, n *repo.NewRelease) string {
	const without = "the release will not say which kernels and checks it has"
	if s.what.noStart {
		return ""
	}
	key, _, ok := n.Release.For(release.Host())
	if !ok {
		return fmt.Sprintf("there is no archive for this machine (%s), so the plugin was not started and %s", release.Host(), without)
	}
	d, err := s.describeArchive(ctx, n.Archives[key])
	if err != nil {
		return fmt.Sprintf("the plugin could not be started (%v), so %s", err, without)
	}
	var offers packReport
	offers.learn(d)
	n.Release.Collectors, n.Release.Checks, n.Release.Kernels = offers.Collectors, offers.Checks, offers.Kernels
	return ""
}

// describeArchive unpacks an archive for a moment and asks the plugin in it.
func (s signer) describeArchive(ctx context.Context, file string) (_ *pluginv1.DescribeResponse, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	temp, err := scratch.New("sign")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, temp.Close()) }()
	dir := filepath.Join(temp.Path, "plugin")
	u, err := archive.Unpack(ctx, f, dir, archive.Limits{})
	if err != nil {
		return nil, err
	}
	session, name, err := s.openPlugin(ctx, filepath.Join(dir, u.Manifest.Executable))
	if err != nil {
		return nil, err
	}
	defer session.close()
	return session.launcher.Describe(ctx, name)
}

// publication is what `publish` and `yank` print.
type publication struct {
	SchemaVersion string          `json:"schema_version"`
	Namespace     string          `json:"namespace"`
	Version       int64           `json:"version"` // of the publisher's metadata
	Already       bool            `json:"already"` // it was published before
	New           []listedRelease `json:"new"`
	Changed       []listedRelease `json:"changed"`
	Registry      string          `json:"registry"`
	Warnings      []string        `json:"warnings,omitempty"`
}

func newPublication(p *repo.Published, registry string, warnings []string) publication {
	out := publication{
		SchemaVersion: report.SchemaVersion, Namespace: p.Namespace, Version: p.Version, Already: p.Already, Registry: registry,
		New: []listedRelease{}, Changed: []listedRelease{}, Warnings: warnings,
	}
	for _, o := range p.New {
		out.New = append(out.New, listRelease(o.Release, o.Yanked))
	}
	for _, o := range p.Changed {
		out.Changed = append(out.Changed, listRelease(o.Release, o.Yanked))
	}
	return out
}

// WriteJSON writes the outcome as one JSON document.
func (p publication) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

// WriteText says what is in the registry now.
func (p publication) WriteText(w io.Writer, opt report.Options) error {
	writeReleases(w, opt, p.New)
	writeReleases(w, opt, p.Changed)
	for _, text := range p.Warnings {
		say(w, opt, "warning: %s", text)
	}
	if p.Already {
		say(w, opt, "%s has version %d of the metadata of %s already; nothing was done.", p.Registry, p.Version, p.Namespace)
		return nil
	}
	say(w, opt, "%s has version %d of the metadata of %s: %s new, %d changed.", p.Registry, p.Version, p.Namespace, count(len(p.New), "release", "releases"), len(p.Changed))
	return nil
}

func (a *app) registryPublishCmd() *cobra.Command {
	return a.publishCmd("Put what a publisher signed into the registry",
		"Publish checks a submission and puts it into the registry, which needs the keys\n"+
			"of snapshot, timestamp and log. Archives instead of a submission are signed\n"+
			"first, when the publisher's key is here as well.")
}

func (a *app) pluginPublishCmd() *cobra.Command {
	return a.publishCmd("Publish a release in a registry that you may write to",
		"Publish puts a submission, or archives that it signs first, into a registry. It\n"+
			"needs the keys of the registry's snapshot, timestamp and log: those who publish\n"+
			"in a registry of others make a submission with `bulkhead plugin sign` and give\n"+
			"it to its owner.")
}

func (a *app) publishCmd(short, long string) *cobra.Command {
	var o ownerFlags
	var what releaseFlags
	cmd := &cobra.Command{
		Use: "publish SUBMISSION | [PLATFORM=]ARCHIVE...", Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse("`%s` takes a submission or the archives of one release; `%s --help` shows how", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s := signer{app: a, place: &o.placeFlags, keys: &o.keyFlags, what: &what}
			return s.publish(cmd.Context(), &o, func(ctx context.Context) (*repo.Submission, []string, error) {
				if len(args) == 1 && repo.IsSubmission(args[0]) {
					sub, err := repo.ReadSubmission(args[0])
					return sub, nil, err
				}
				sub, warnings, _, err := s.submission(ctx, args, nil)
				return sub, warnings, err
			})
		},
	}
	o.placeFlags.register(cmd.Flags())
	o.keyFlags.register(cmd.Flags(), "key")
	what.register(cmd.Flags())
	return cmd
}

// publish makes a submission and publishes it.
func (s signer) publish(ctx context.Context, o *ownerFlags, make func(context.Context) (*repo.Submission, []string, error)) error {
	sub, warnings, err := make(ctx)
	if err != nil {
		return signingError("Nothing was published", err)
	}
	defer func() { _ = sub.Close() }() // what is left is temporary
	return s.change(ctx, o, func(r *repo.Repo, _ *keys.Chain, store files.Store) error {
		done, err := r.Publish(ctx, sub)
		if err != nil {
			return err
		}
		return s.result(newPublication(done, store.String(), warnings))
	})
}

func (a *app) registryYankCmd() *cobra.Command {
	return a.yankCmd("Withdraw a release: what uses it keeps it, nothing new will")
}

func (a *app) pluginYankCmd() *cobra.Command {
	return a.yankCmd("Withdraw a release that you published")
}

func (a *app) yankCmd(short string) *cobra.Command {
	var o ownerFlags
	var what releaseFlags
	var reason, out string
	var undo bool
	cmd := &cobra.Command{
		Use: "yank NAMESPACE/NAME VERSION --reason TEXT", Short: short, Args: exactly(2, "a plugin and a version"),
		Long: "Yank marks a release so that nobody installs it any more; lock files that name\n" +
			"it keep working. The publisher's key signs it. With the registry's keys at hand\n" +
			"it is published at once; with --out it becomes a submission for the registry's\n" +
			"owner.",
		Example: "  bulkhead plugin yank acme/scaler 1.2.0 --reason 'divides by zero' --key acme.key --out yank.tar",
		RunE: func(cmd *cobra.Command, args []string) error {
			y, err := parseYank(args, reason, undo)
			if err != nil {
				return err
			}
			what.namespace = y.ID.Namespace
			s := signer{app: a, place: &o.placeFlags, keys: &o.keyFlags, what: &what}
			if out != "" {
				sub, _, threshold, err := s.submission(cmd.Context(), nil, []repo.Yank{y})
				if err != nil {
					return signingError("Nothing was signed", err)
				}
				return s.save(sub, out, nil, threshold)
			}
			return s.publish(cmd.Context(), &o, func(ctx context.Context) (*repo.Submission, []string, error) {
				sub, _, _, err := s.submission(ctx, nil, []repo.Yank{y})
				return sub, nil, err
			})
		},
	}
	f := cmd.Flags()
	o.placeFlags.register(f)
	o.keyFlags.register(f, "key")
	f.StringVar(&reason, "reason", "", "why nobody should use it, as plain `text`")
	f.BoolVar(&undo, "undo", false, "take an earlier yank back")
	f.StringVar(&out, "out", "", "`file` (.tar) or directory for a submission, instead of publishing")
	f.DurationVar(&what.expires, "expires", 0, "for how long your signature is good (default: as long as the registry takes it)")
	return cmd
}

func parseYank(args []string, reason string, undo bool) (repo.Yank, error) {
	id, err := release.ParseID(args[0])
	if err == nil {
		err = release.CheckVersion(args[1])
	}
	switch {
	case err != nil:
		return repo.Yank{}, misuse("%w", err)
	case undo && reason != "":
		return repo.Yank{}, misuse("--undo takes a yank back and --reason makes one; give one of them")
	case !undo && strings.TrimSpace(reason) == "":
		return repo.Yank{}, misuse("say why with --reason; whoever uses %s %s will read it", args[0], args[1])
	}
	return repo.Yank{ID: id, Version: args[1], Reason: reason}, nil
}
