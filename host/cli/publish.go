// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// releaseFlags are what a release says that no archive does, and who signs it.
type releaseFlags struct {
	namespace   string
	changes     string
	changesFile string
	homepage    string
	minHost     string
	previous    []string
	expires     time.Duration
	noStart     bool
}

func (r *releaseFlags) register(f *pflag.FlagSet) {
	f.StringVar(&r.namespace, "namespace", "", "`name` under which you publish, such as acme")
	f.StringVar(&r.changes, "changes", "", "what is new, as plain `text`")
	f.StringVar(&r.changesFile, "changes-file", "", "`file` with what is new, as plain text")
	f.StringVar(&r.homepage, "homepage", "", "https `address` of the plugin")
	f.StringVar(&r.minHost, "min-host", "", "oldest `version` of Bulkhead that runs it")
	f.StringArrayVar(&r.previous, "previous", nil, "public `key` that signed what you published until now, when yours are new")
	f.DurationVar(&r.expires, "expires", 0, "for how long your signature is good (default: as long as the registry takes it)")
	f.BoolVar(&r.noStart, "no-start", false, "do not start the plugin to ask what it offers")
}

// text is what is new.
func (r *releaseFlags) text() (string, error) {
	if r.changesFile == "" {
		return r.changes, nil
	}
	if r.changes != "" {
		return "", misuse("--changes and --changes-file say what is new twice; give one of them")
	}
	data, err := os.ReadFile(r.changesFile)
	if err != nil {
		return "", misuse("--changes-file: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// signer signs for a publisher.
type signer struct {
	*app
	place *placeFlags
	keys  *keyFlags
	what  *releaseFlags
}

// signed is what `bulkhead plugin sign` and `yank --to` print.
type signed struct {
	SchemaVersion string          `json:"schema_version"`
	Namespace     string          `json:"namespace"`
	Version       int64           `json:"version"` // of the publisher's metadata
	Submission    string          `json:"submission"`
	Signatures    []string        `json:"signatures"` // IDs of keys
	Threshold     int             `json:"threshold"`  // 0 when the registry does not know the namespace
	Releases      []listedRelease `json:"releases"`   // that are new, or that were yanked
	Warnings      []string        `json:"warnings,omitempty"`
}

type listedRelease struct {
	ID        string   `json:"id"`
	Version   string   `json:"version"`
	Platforms []string `json:"platforms"`
	Yanked    string   `json:"yanked,omitempty"` // the reason
}

// WriteJSON writes the outcome as one JSON document.
func (s signed) WriteJSON(w io.Writer) error { return writeJSON(w, s) }

// WriteText says what was signed and what to do with it.
func (s signed) WriteText(w io.Writer, opt report.Options) error {
	writeReleases(w, opt, s.Releases)
	for _, text := range s.Warnings {
		say(w, opt, "warning: %s", text)
	}
	say(w, opt, "Version %d of the metadata of %s is in %s, with %s.", s.Version, s.Namespace, s.Submission, count(len(s.Signatures), "signature", "signatures"))
	if missing := s.Threshold - len(s.Signatures); missing > 0 {
		say(w, opt, "It needs %d more: `bulkhead plugin sign %s --key KEY` adds one.", missing, s.Submission)
		return nil
	}
	say(w, opt, "Give it to the registry's owner, who runs `bulkhead registry publish %s`.", s.Submission)
	return nil
}

func writeReleases(w io.Writer, opt report.Options, list []listedRelease) {
	for _, r := range list {
		text := strings.Join(r.Platforms, ", ")
		if r.Yanked != "" {
			text = "yanked: " + r.Yanked
		}
		writeTerm(w, opt, 0, 30, r.ID+" "+r.Version, text)
	}
}

func listRelease(r *release.Release, y *release.Yanked) listedRelease {
	out := listedRelease{ID: r.ID, Version: r.Version, Platforms: platformsOf(r)}
	if y != nil {
		out.Yanked = y.Reason
	}
	return out
}

func (a *app) pluginSignCmd() *cobra.Command {
	var place placeFlags
	var k keyFlags
	var what releaseFlags
	var out string
	cmd := &cobra.Command{
		Use: "sign [PLATFORM=]ARCHIVE... | SUBMISSION", Short: "Sign a release with your publisher's key, ready to be published",
		Long: "Sign makes a submission: your publisher's next metadata, signed, and the\n" +
			"archives of the new release. It reads the registry and needs none of its keys;\n" +
			"the owner of the registry publishes the submission and needs none of yours.\n\n" +
			"Of a submission it makes one with your signature more: that is how several sign\n" +
			"when the namespace asks for more than one. Without an archive it renews what you\n" +
			"published, for other keys or a later expiry.",
		Example: "  bulkhead plugin sign dist/*.tar.zst --namespace acme --key acme.key --registry https://plugins.acme.example -o scaler.tar\n" +
			"  bulkhead plugin sign scaler.tar --key second.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			s := signer{app: a, place: &place, keys: &k, what: &what}
			if len(args) == 1 && repo.IsSubmission(args[0]) {
				return s.cosign(args[0], out)
			}
			return s.sign(cmd.Context(), args, out)
		},
	}
	f := cmd.Flags()
	place.register(f)
	k.register(f, "key")
	what.register(f)
	f.StringVarP(&out, "out", "o", "", "`file` (.tar) or directory to write (default: NAMESPACE-VERSION.tar here)")
	f.StringVar(&a.flags.format, "format", report.Text, "output `format`: text or json") // here -o is the submission
	return cmd
}

// sign makes a submission of archives.
func (s signer) sign(ctx context.Context, archives []string, out string) error {
	sub, warnings, threshold, err := s.submission(ctx, archives, nil)
	if err != nil {
		return signingError("Nothing was signed", err)
	}
	return s.save(sub, out, warnings, threshold)
}

// save writes a submission and says what is in it.
func (s signer) save(sub *repo.Submission, out string, warnings []string, threshold int) error {
	doc, err := describeSubmission(sub)
	if err != nil {
		return signingError("Nothing was signed", err)
	}
	doc.Submission = cmp.Or(out, fmt.Sprintf("%s-%d.tar", sub.Namespace, doc.Version))
	doc.Warnings, doc.Threshold = warnings, threshold
	if err := sub.Save(doc.Submission); err != nil {
		return signingError("The submission could not be written", err)
	}
	return s.result(doc)
}

// describeSubmission lists what is new in a submission, by its archives, and what
// is yanked.
func describeSubmission(sub *repo.Submission) (signed, error) {
	c, err := sub.Contents()
	if err != nil {
		return signed{}, err
	}
	out := signed{SchemaVersion: report.SchemaVersion, Namespace: sub.Namespace, Version: c.Version, Signatures: c.Signatures, Releases: []listedRelease{}}
	for _, o := range c.Offers {
		if o.Yanked != nil || carries(sub, o.Release) {
			out.Releases = append(out.Releases, listRelease(o.Release, o.Yanked))
		}
	}
	return out, nil
}

// carries reports whether a submission has an archive of a release.
func carries(sub *repo.Submission, r *release.Release) bool {
	for name := range sub.Archives {
		if p, err := release.ParsePath(name); err == nil && p.ID.String() == r.ID && p.Version == r.Version {
			return true
		}
	}
	return false
}

// submission signs archives and yanks for the namespace.
func (s signer) submission(ctx context.Context, archives []string, yanks []repo.Yank) (sub *repo.Submission, warnings []string, threshold int, err error) {
	if s.what.namespace == "" {
		return nil, nil, 0, misuse("say under which name you publish with --namespace, such as --namespace acme")
	}
	src, err := s.place.source(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	signing := repo.Signing{Namespace: s.what.namespace, Yanks: yanks, Expires: s.what.expires, Now: time.Now()}
	if signing.Current, err = repo.Current(ctx, src, s.what.namespace); err != nil {
		return nil, nil, 0, err
	}
	if len(archives) > 0 {
		n, warned, err := s.release(ctx, archives)
		if err != nil {
			return nil, nil, 0, err
		}
		signing.Add, warnings = []repo.NewRelease{*n}, warned
	}
	if signing.Trusted, err = s.keys.publicKeys(s.what.previous); err != nil {
		return nil, nil, 0, err
	}
	chain, given, err := s.chain(s.keys)
	if err != nil {
		return nil, nil, 0, err
	}
	defer chain.Close()
	look, err := repo.Look(ctx, src)
	if err != nil {
		return nil, nil, 0, err
	}
	signing.Expires = cmp.Or(signing.Expires, look.Expiry.Publisher)
	p := publisherOf(look, s.what.namespace)
	if len(p.KeyIDs) == 0 && len(given) == 0 {
		return nil, nil, 0, misuse("the namespace %s belongs to nobody in %s: choose your key with --key to sign all the same; the registry's owner gives you the namespace with `bulkhead registry add-publisher %s --key`", signing.Namespace, src, signing.Namespace)
	}
	if signing.Keys, err = signingKeys(chain, given, p.KeyIDs, p.Threshold); err != nil {
		return nil, nil, 0, err
	}
	sub, err = repo.Sign(signing)
	return sub, append(warnings, strangers(p, signing)...), p.Threshold, err
}

// strangers warns of a submission that the registry would not take as it is: none
// of the keys that signed is the publisher's there.
func strangers(p repo.Publisher, signing repo.Signing) []string {
	known := slices.ContainsFunc(signing.Keys, func(k *keys.Key) bool { return slices.Contains(p.KeyIDs, k.Public().ID()) })
	switch {
	case known:
		return nil
	case len(p.KeyIDs) == 0:
		return []string{fmt.Sprintf("the namespace %s belongs to nobody there yet; the registry's owner gives it to you with `bulkhead registry add-publisher %s --key`", signing.Namespace, signing.Namespace)}
	}
	return []string{fmt.Sprintf("this is not signed with a key that the registry has for %s; its owner takes new keys with `bulkhead registry add-publisher %s --key NEW --submission`", signing.Namespace, signing.Namespace)}
}

// publisherOf is what a registry says of a namespace; empty when it belongs to
// nobody.
func publisherOf(look *repo.Overview, namespace string) repo.Publisher {
	for _, p := range look.Publishers {
		if p.Namespace == namespace {
			return p
		}
	}
	return repo.Publisher{}
}

// signingKeys are those of the publisher's keys that were given, or else all that
// were given, since they may be its new ones, or else those of the publisher that
// are at hand, as many as the registry wants.
func signingKeys(chain *keys.Chain, given []keys.Public, ids []string, threshold int) ([]*keys.Key, error) {
	var all, known []string
	for _, p := range given {
		all = append(all, p.ID())
		if slices.Contains(ids, p.ID()) {
			known = append(known, p.ID())
		}
	}
	switch {
	case len(known) > 0:
		ids, threshold = known, len(known)
	case len(all) > 0:
		ids, threshold = all, len(all)
	}
	var out []*keys.Key
	for _, id := range ids {
		k, err := chain.Find(id)
		if errors.Is(err, keys.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if out = append(out, k); len(out) == threshold {
			break
		}
	}
	if len(out) == 0 {
		return nil, misuse("none of the publisher's keys is here; give the file of one with --key")
	}
	return out, nil
}

// cosign adds a signature to a submission.
func (s signer) cosign(name, out string) error {
	sub, err := repo.ReadSubmission(name)
	if err != nil {
		return &failure{code: ExitConfig, summary: "The submission cannot be read", err: err}
	}
	defer func() { _ = sub.Close() }() // what is left is temporary
	chain, given, err := s.chain(s.keys)
	if err != nil {
		return err
	}
	defer chain.Close()
	if len(given) == 0 {
		return misuse("say which key signs with --key FILE")
	}
	with, err := signingKeys(chain, given, nil, 0)
	if err != nil {
		return err
	}
	if err := sub.Cosign(with...); err != nil {
		return signingError("Nothing was signed", err)
	}
	if out == "" {
		out = strings.TrimSuffix(name, ".tar") + "-" + with[0].Public().Name + ".tar"
	}
	return s.save(sub, out, nil, 0)
}
