// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

func (a *app) registryCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Use, make and look after registries of plugins",
		Long: "A registry is a directory of static files that any web server can serve: signed\n" +
			"metadata (TUF), the archives of plugins, and a log that shows every release that\n" +
			"ever was. `trust`, `forget`, `list` and `search` are for its users, the other\n" +
			"commands for those who run one.\n\n" +
			"To run one: `registry init`, `registry add-publisher` for each namespace,\n" +
			"`registry publish` what publishers sign, `registry refresh` every day.",
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: `%s --help` lists it", cmd.CommandPath())
		},
	}
	cmd.AddCommand(
		a.registryTrustCmd(), a.registryForgetCmd(), a.registryListCmd(), a.registrySearchCmd(),
		a.registryInitCmd(), a.registryAddPublisherCmd(), a.registryRevokePublisherCmd(), a.registryRotateCmd(), a.registryExpiryCmd(), a.registryRefreshCmd(),
		a.registryPublishCmd(), a.registryYankCmd(), a.registryServeCmd(), a.registryMirrorCmd(), a.registryVerifyCmd(), a.registryKeysCmd(),
	)
	return cmd
}

// placeFlags say which registry is meant.
type placeFlags struct {
	address string
	caFile  string
}

func (p *placeFlags) register(f *pflag.FlagSet) {
	f.StringVar(&p.address, "registry", ".", "`address` of the registry: a directory, file://, https:// or oci://, or the name of one that you trust")
	f.StringVar(&p.caFile, "ca-file", "", "`file` with certificates that are trusted besides the system's")
}

// resolve is where the registry is and how it is reached. The name of a registry
// that the user trusts stands for its address, its certificates and its token.
func (p *placeFlags) resolve(ctx context.Context) (string, files.Options, error) {
	address, o := p.address, files.Options{CAFile: p.caFile}
	if p.caFile != "" {
		if _, err := os.Stat(p.caFile); err != nil {
			return "", o, misuse("--ca-file: %w", err)
		}
	}
	mine, err := trustedRegistries(ctx)
	if err != nil {
		return address, o, nil // the commands for users say what is wrong there
	}
	for _, r := range mine {
		if r.Name != p.address {
			continue
		}
		address, o.CAFile = r.Address, cmp.Or(o.CAFile, r.CAFile.Absolute)
		if r.Token != nil {
			token, err := r.Token.Read(os.LookupEnv)
			if err != nil {
				return "", o, &failure{code: ExitConfig, summary: "The registry wants a token", err: fmt.Errorf("registry %q (%s): %w", r.Name, r.Range, err)}
			}
			o.Token = token.Reveal()
		}
	}
	return address, o, nil
}

// source opens the registry to read from it.
func (p *placeFlags) source(ctx context.Context) (files.Source, error) {
	address, o, err := p.resolve(ctx)
	if err != nil {
		return nil, err
	}
	src, err := files.OpenSource(address, o)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; `bulkhead registry init` makes one", err)
	}
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "No such registry", err: err}
	}
	return src, nil
}

// writable opens the registry to change it.
func (p *placeFlags) writable(ctx context.Context) (files.Store, error) {
	address, o, err := p.resolve(ctx)
	if err != nil {
		return nil, err
	}
	store, err := files.OpenStore(address, o)
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "The registry cannot be changed", err: err}
	}
	return store, nil
}

// ownerFlags are those of whoever runs a registry.
type ownerFlags struct {
	placeFlags
	keyFlags
}

func (o *ownerFlags) register(f *pflag.FlagSet) {
	o.placeFlags.register(f)
	o.keyFlags.register(f, "sign-key")
}

// change opens a registry with the keys at hand and runs f on it.
func (a *app) change(ctx context.Context, o *ownerFlags, f func(*repo.Repo, *keys.Chain, files.Store) error) error {
	chain, _, err := a.chain(&o.keyFlags)
	if err != nil {
		return err
	}
	defer chain.Close()
	if _, err := o.source(ctx); err != nil {
		return err // a directory that is not there is not made here
	}
	store, err := o.writable(ctx)
	if err != nil {
		return err
	}
	return registryError(f(repo.Open(store, repo.Options{Keys: chain}), chain, store))
}

// registryError is the failure of a change: what the user can mend on the command
// line apart from what is wrong with the registry.
func registryError(err error) error {
	summary := "The registry was not changed"
	if _, bad := errors.AsType[*repo.MetadataError](err); bad {
		summary = "The registry is not to be trusted"
	}
	return signingError(summary, err)
}

// signingError is the failure of what signs, or makes keys. A key, a passphrase or a
// file that is not there is wrong on the command line, and so is a name that is
// taken.
func signingError(summary string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	code := ExitErrors
	_, noKeys := errors.AsType[*repo.KeysError](err)
	for _, wrong := range []error{keys.ErrPassphrase, keys.ErrNoPassphrase, keys.ErrNoKeyring, repo.ErrNoPublisher, fs.ErrNotExist, fs.ErrExist} {
		noKeys = noKeys || errors.Is(err, wrong)
	}
	if noKeys {
		code = ExitConfig
	}
	return &failure{code: code, summary: summary, err: err}
}

// done is the result of a command that has one sentence to say.
func (a *app) done(format string, args ...any) error {
	return a.result(said{SchemaVersion: report.SchemaVersion, Message: fmt.Sprintf(format, args...)})
}

func (a *app) registryRefreshCmd() *cobra.Command {
	var o ownerFlags
	cmd := &cobra.Command{
		Use: "refresh", Short: "Sign the snapshot and the timestamp anew, before they expire", Args: exactly(0, "no arguments"),
		Long: "Refresh tells clients that what they see is all there is. Run it every day, for\n" +
			"example from cron: clients refuse a registry whose timestamp expired.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.change(cmd.Context(), &o, func(r *repo.Repo, _ *keys.Chain, store files.Store) error {
				if err := r.Refresh(cmd.Context()); err != nil {
					return err
				}
				return a.expiries(cmd.Context(), store)
			})
		},
	}
	o.register(cmd.Flags())
	return cmd
}

// expiries says until when a registry is good.
func (a *app) expiries(ctx context.Context, src files.Source) error {
	look, err := repo.Look(ctx, src)
	if err != nil {
		return err
	}
	return a.done("the registry %s is fresh; its timestamp is good until %s", look.Name, look.Expires["timestamp"].Format("2006-01-02 15:04 MST"))
}

func (a *app) registryAddPublisherCmd() *cobra.Command {
	var o ownerFlags
	var given []string
	var threshold int
	var submission string
	cmd := &cobra.Command{
		Use: "add-publisher NAMESPACE --key KEY...", Short: "Give a namespace to a publisher, or other keys to one", Args: exactly(1, "a namespace such as acme"),
		Long: "Add-publisher says whose signatures count for plugins/NAMESPACE. It needs the\n" +
			"keys of targets, snapshot and timestamp. For a publisher that is there it\n" +
			"replaces keys and threshold; when the new keys did not sign what it published,\n" +
			"give that signed anew with --submission.",
		Example: "  bulkhead registry add-publisher acme --key 'bulkhead-key acme-2026 w1Yx...='",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(given) == 0 {
				return misuse("give the publisher's public keys with --key; `bulkhead registry keys show` prints them where they are")
			}
			def, err := o.role(cmd, given, threshold)
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), &o, func(r *repo.Repo, _ *keys.Chain, store files.Store) error {
				return a.addPublisher(cmd.Context(), r, store, args[0], def, submission)
			})
		},
	}
	o.register(cmd.Flags())
	roleFlags(cmd, &given, &threshold)
	cmd.Flags().StringVar(&submission, "submission", "", "`file` or directory of what the publisher signed with the new keys")
	return cmd
}

func (a *app) addPublisher(ctx context.Context, r *repo.Repo, store files.Store, namespace string, def repo.Role, submission string) (err error) {
	var sub *repo.Submission
	if submission != "" {
		if sub, err = repo.ReadSubmission(submission); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, sub.Close()) }()
	}
	if err := r.AddPublisher(ctx, namespace, def, sub); err != nil {
		return err
	}
	look, err := repo.Look(ctx, store)
	if err != nil {
		return err
	}
	p := publisherOf(look, namespace)
	return a.done("the namespace %s is signed by %s; its publisher signs with `bulkhead plugin sign --namespace %s`", namespace, keysText(p.Threshold, p.KeyIDs), namespace)
}

func (a *app) registryRevokePublisherCmd() *cobra.Command {
	var o ownerFlags
	cmd := &cobra.Command{
		Use: "revoke-publisher NAMESPACE", Short: "Take a namespace away from its publisher", Args: exactly(1, "a namespace such as acme"),
		Long: "Revoke-publisher makes clients refuse everything of a namespace that they have\n" +
			"not installed yet. To withdraw one release use yank; to replace stolen keys use\n" +
			"add-publisher with the new ones.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), &o, func(r *repo.Repo, _ *keys.Chain, _ files.Store) error {
				if err := r.RevokePublisher(cmd.Context(), args[0]); err != nil {
					return err
				}
				return a.done("the namespace %s belongs to nobody now", args[0])
			})
		},
	}
	o.register(cmd.Flags())
	return cmd
}

// auditReport is what `bulkhead registry verify` and `mirror` print.
type auditReport struct {
	SchemaVersion string            `json:"schema_version"`
	Name          string            `json:"name"`
	LogKey        string            `json:"log_key"`
	FormerLogs    []string          `json:"former_log_keys,omitempty"` // the oldest first
	RootDigest    string            `json:"root_sha256"`               // of the first root
	Sound         bool              `json:"sound"`
	Publishers    []listedPublisher `json:"publishers"`
	Releases      int               `json:"releases"`
	Yanked        int               `json:"yanked"`
	Targets       int               `json:"targets"`
	Bytes         int64             `json:"bytes"`
	Records       int64             `json:"log_records"`
	Problems      []repo.Problem    `json:"problems"`
	CopiedTo      string            `json:"copied_to,omitempty"`
}

type listedPublisher struct {
	Namespace string   `json:"namespace"`
	Threshold int      `json:"threshold"`
	KeyIDs    []string `json:"key_ids"`
	Version   int64    `json:"version"`
}

func newAuditReport(r *repo.Report) auditReport {
	out := auditReport{
		SchemaVersion: report.SchemaVersion, Sound: r.Sound(), Publishers: []listedPublisher{}, Releases: r.Releases, Yanked: r.Yanked,
		Targets: r.Targets, Bytes: r.Bytes, Records: r.Records, Problems: r.Problems,
	}
	if o := r.Overview; o != nil {
		out.Name, out.LogKey, out.FormerLogs, out.RootDigest = o.Name, o.LogKey, o.FormerLogs, digestText(o.Root)
		for _, p := range o.Publishers {
			out.Publishers = append(out.Publishers, listedPublisher{Namespace: p.Namespace, Threshold: p.Threshold, KeyIDs: p.KeyIDs, Version: p.Version})
		}
	}
	return out
}

// WriteJSON writes the report as one JSON document.
func (r auditReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes what is wrong, then what there is.
func (r auditReport) WriteText(w io.Writer, opt report.Options) error {
	for _, p := range r.Problems {
		if p.Severity == repo.Remark && !opt.Verbose {
			continue
		}
		writeTerm(w, opt, 0, 9, p.Severity, p.File+": "+p.Reason)
	}
	if opt.Verbose {
		for _, p := range r.Publishers {
			writeTerm(w, opt, 2, 22, p.Namespace, fmt.Sprintf("%d of %s, version %d", p.Threshold, count(len(p.KeyIDs), "key", "keys"), p.Version))
		}
		fmt.Fprintf(w, "  log key  %s\n  root     %s\n", report.CleanLine(r.LogKey), r.RootDigest) // to be copied whole
	}
	verdict := "sound"
	if !r.Sound {
		verdict = "NOT sound"
	}
	say(w, opt, "The registry %s is %s: %s, %s (%d yanked) in %s of %s, %s in the log.", cmp.Or(r.Name, "(unknown)"), verdict,
		count(len(r.Publishers), "publisher", "publishers"), count(r.Releases, "release", "releases"), r.Yanked,
		count(r.Targets, "file", "files"), bytesText(r.Bytes), count(int(r.Records), "record", "records"))
	if r.CopiedTo != "" {
		say(w, opt, "It was copied to %s.", r.CopiedTo)
	}
	return nil
}

// readRoot reads the first root that somebody was given; nil for no name.
func readRoot(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, misuse("--root: %w", err)
	}
	return data, nil
}
