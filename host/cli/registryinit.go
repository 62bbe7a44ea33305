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
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// keyRoles are the roles of a new registry that have keys.
var keyRoles = []string{"root", "targets", "snapshot", "timestamp", "log"}

// initFlags say what registry to make.
type initFlags struct {
	keyFlags
	name       string
	rootOut    string
	caFile     string
	roleKeys   []string
	thresholds []string
	expiries   []string
}

func (a *app) registryInitCmd() *cobra.Command {
	var o initFlags
	cmd := &cobra.Command{
		Use: "init DIR|oci://HOST/NAME", Short: "Make an empty registry", Args: exactly(1, "a new directory, or an oci:// address"),
		Long: "Init makes a registry and the keys that it needs: NAME-root, NAME-targets,\n" +
			"NAME-snapshot, NAME-timestamp and NAME-log, unless they are there or --role-key\n" +
			"gives others. Keep those of root and targets offline: they are needed to admit\n" +
			"publishers and to change keys, not to publish.\n\n" +
			"It writes NAME.root.json. Hand that file and the log key that it prints to your\n" +
			"users: `bulkhead registry trust` takes both.",
		Example: "  bulkhead registry init /srv/registry --name plugins.acme.example\n" +
			"  bulkhead registry init /srv/registry --name plugins.acme.example --role-key root=ann.pub --role-key root=bob.key --threshold root=2",
		RunE: func(cmd *cobra.Command, args []string) error { return a.registryInit(cmd.Context(), &o, args[0]) },
	}
	f := cmd.Flags()
	o.register(f, "sign-key")
	f.StringVar(&o.name, "name", "", "`name` of the registry and its log (default: the last part of the address)")
	f.StringVar(&o.rootOut, "root-out", "", "`file` for the first root (default: NAME.root.json here)")
	f.StringVar(&o.caFile, "ca-file", "", "`file` with certificates that are trusted besides the system's")
	f.StringArrayVar(&o.roleKeys, "role-key", nil, "public key of a role, as `ROLE=KEY`; repeat for more")
	f.StringArrayVar(&o.thresholds, "threshold", nil, "number of the keys that must sign for a role, as `ROLE=N` (default: 1)")
	f.StringArrayVar(&o.expiries, "expiry", nil, "for how long what a role signs is good, as `ROLE=DURATION`: root, targets, publisher, snapshot or timestamp, for example timestamp=72h")
	return cmd
}

var notInNames = pattern.Lazy(`[^a-z0-9._-]+`)

// fill takes the defaults from the address.
func (o *initFlags) fill(address string) error {
	if o.name == "" {
		abs := address
		if !strings.Contains(address, "://") {
			var err error
			if abs, err = filepath.Abs(address); err != nil {
				return err
			}
		}
		o.name = strings.Trim(notInNames().ReplaceAllString(strings.ToLower(filepath.Base(abs)), "-"), "-._")
	}
	if o.rootOut == "" {
		o.rootOut = strings.ReplaceAll(o.name, "/", "-") + ".root.json"
	}
	return nil
}

func (a *app) registryInit(ctx context.Context, o *initFlags, address string) error {
	if err := o.fill(address); err != nil {
		return err
	}
	if _, err := os.Lstat(o.rootOut); err == nil {
		return misuse("%s is there; name another file with --root-out", o.rootOut)
	}
	expiry, err := parseExpiry("--expiry", o.expiries)
	if err != nil {
		return err
	}
	store, err := files.OpenStore(address, files.Options{CAFile: o.caFile})
	if err != nil {
		return &failure{code: ExitConfig, summary: "The registry has no place", err: err}
	}
	if err := vacant(ctx, store); err != nil {
		return err
	}
	chain, _, err := a.chain(&o.keyFlags)
	if err != nil {
		return err
	}
	defer chain.Close()
	roles, made, err := a.initRoles(o, chain)
	if err != nil {
		return signingError("The registry has no keys", err)
	}
	created, err := repo.Init(ctx, store, repo.InitOptions{
		Options: repo.Options{Keys: chain}, Name: o.name, Log: roles["log"].Keys[0], Roles: without(roles, "log"), Expiry: expiry,
	})
	if err != nil {
		return registryError(err)
	}
	if err := writeFile(o.rootOut, func(w io.Writer) error { _, err := w.Write(created.Root); return err }); err != nil {
		return failed("The registry is made, but its root could not be written for its users; it is metadata/1.root.json there", err)
	}
	return a.result(newRegistry{
		SchemaVersion: report.SchemaVersion, Name: o.name, Address: store.String(), Root: o.rootOut, RootDigest: digestText(created.Root), LogKey: created.LogKey, Keys: made,
	})
}

// vacant refuses a place that has a registry, before keys are made for it.
func vacant(ctx context.Context, store files.Store) error {
	_, err := repo.Look(ctx, store)
	if err == nil {
		return &failure{code: ExitConfig, summary: "No registry was made", err: fmt.Errorf("%s: %w; choose another place", store, repo.ErrExist)}
	}
	if errors.Is(err, files.ErrNotExist) {
		return nil
	}
	return registryError(err)
}

func without(roles map[string]repo.Role, name string) map[string]repo.Role {
	out := maps.Clone(roles)
	delete(out, name)
	return out
}

// initRoles finds or makes the keys of each role. made are the new ones.
func (a *app) initRoles(o *initFlags, chain *keys.Chain) (roles map[string]repo.Role, made []listedKey, err error) {
	if roles, err = o.given(); err != nil {
		return nil, nil, err
	}
	if err := o.checkNames(roles); err != nil {
		return nil, nil, err
	}
	made = []listedKey{}
	pass := a.newPassphrase()
	for _, role := range keyRoles {
		if len(roles[role].Keys) > 0 {
			continue
		}
		p, isNew, err := a.roleKey(o, chain, role, pass)
		if err != nil {
			return nil, nil, err
		}
		if isNew {
			made = append(made, listKey(p))
		}
		roles[role] = repo.Role{Keys: []keys.Public{p}, Threshold: max(roles[role].Threshold, 1)}
	}
	return roles, made, nil
}

// given are the roles of --role-key and --threshold.
func (o *initFlags) given() (map[string]repo.Role, error) {
	roles := map[string]repo.Role{}
	for _, role := range keyRoles {
		roles[role] = repo.Role{Threshold: 1}
	}
	err := assignments("--role-key", o.roleKeys, keyRoles, func(role, text string) error {
		p, err := o.publicKey(text)
		def := roles[role]
		def.Keys = append(def.Keys, p)
		roles[role] = def
		return err
	})
	if err != nil {
		return nil, err
	}
	err = assignments("--threshold", o.thresholds, keyRoles[:4], func(role, text string) error {
		n, err := strconv.Atoi(text)
		def := roles[role]
		if err != nil || n < 1 || n > max(len(def.Keys), 1) {
			return fmt.Errorf("%q is no number from 1 to %d, which is how many keys the role has", text, max(len(def.Keys), 1))
		}
		def.Threshold = n
		roles[role] = def
		return nil
	})
	if len(roles["log"].Keys) > 1 {
		return nil, misuse("--role-key: the log has one key")
	}
	return roles, err
}

// assignments reads flags of the form NAME=VALUE.
func assignments(flag string, texts, names []string, set func(name, value string) error) error {
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || !slices.Contains(names, name) {
			return misuse("%s %q: write ROLE=VALUE, with a role of %s", flag, text, strings.Join(names, ", "))
		}
		if err := set(name, value); err != nil {
			return misuse("%s %s: %w", flag, name, err)
		}
	}
	return nil
}

// keyName is how the key of a role is called that init makes.
func (o *initFlags) keyName(role string) string {
	return strings.ReplaceAll(o.name, "/", "-") + "-" + role
}

// checkNames refuses a registry's name that its keys could not have, before the
// first of them is made.
func (o *initFlags) checkNames(roles map[string]repo.Role) error {
	for _, role := range keyRoles {
		if err := keys.CheckName(o.keyName(role)); err != nil && len(roles[role].Keys) == 0 {
			return misuse("choose another name with --name, such as plugins.acme.example: %w", err)
		}
	}
	return nil
}

// roleKey is the key NAME-ROLE, which is made when it is not there.
func (a *app) roleKey(o *initFlags, chain *keys.Chain, role string, pass keys.Passphrase) (keys.Public, bool, error) {
	name := o.keyName(role)
	store, err := o.store(pass)
	if err != nil {
		return keys.Public{}, false, err
	}
	list, err := store.List()
	if err != nil && len(list) == 0 {
		return keys.Public{}, false, err
	}
	for _, p := range list {
		if p.Name == name {
			return p, false, nil
		}
	}
	k, err := keys.Generate(name)
	if err != nil {
		return keys.Public{}, false, err
	}
	if err := store.Save(k); err != nil {
		k.Wipe()
		return keys.Public{}, false, err
	}
	chain.Add(k)
	return k.Public(), true, nil
}

func parseExpiry(flag string, texts []string) (e policy.Expiry, err error) {
	fields := map[string]*time.Duration{
		"root": &e.Root, "targets": &e.Targets, "publisher": &e.Publisher, "snapshot": &e.Snapshot, "timestamp": &e.Timestamp,
	}
	err = assignments(flag, texts, slices.Sorted(maps.Keys(fields)), func(role, text string) (err error) {
		if *fields[role], err = time.ParseDuration(text); err == nil && *fields[role] == 0 {
			err = errors.New("nothing can be good for no time")
		}
		return err
	})
	return e, err
}

// newRegistry is what `bulkhead registry init` prints.
type newRegistry struct {
	SchemaVersion string      `json:"schema_version"`
	Name          string      `json:"name"`
	Address       string      `json:"address"`
	Root          string      `json:"root"` // the file to hand out
	RootDigest    string      `json:"root_sha256"`
	LogKey        string      `json:"log_key"`
	Keys          []listedKey `json:"keys"` // those that were made
}

// WriteJSON writes the registry as one JSON document.
func (r newRegistry) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText says what was made and what to hand out.
func (r newRegistry) WriteText(w io.Writer, opt report.Options) error {
	say(w, opt, "The registry %s is in %s.", r.Name, r.Address)
	for _, k := range r.Keys {
		fmt.Fprintf(w, "  key %s\n", report.CleanLine(k.Name))
	}
	fmt.Fprintln(w, "\nHand these to its users, by another way than the registry:")
	fmt.Fprintf(w, "  root     %s (%s)\n  log key  %s\n\n", report.CleanLine(r.Root), r.RootDigest, r.LogKey)
	_, err := fmt.Fprintf(w, "Next:\n  bulkhead registry add-publisher NAMESPACE --key KEY --registry %s\n", report.CleanLine(shellWord(r.Address)))
	return err
}
