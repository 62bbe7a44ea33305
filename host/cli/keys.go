// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
)

// keysVariable names the directory of the user's keys.
const keysVariable = "BULKHEAD_KEYS_DIR"

// keyFlags say where the keys are that sign.
type keyFlags struct {
	dir     string
	keyring bool
	files   []string
}

// places adds the flags for where keys are kept.
func (k *keyFlags) places(f *pflag.FlagSet) {
	f.StringVar(&k.dir, "keys", "", "`directory` of the key files (default: $XDG_DATA_HOME/bulkhead/keys, or "+keysVariable+")")
	f.BoolVar(&k.keyring, "keyring", false, "use the keyring of this system")
}

// register adds the flags; name is that of the one for a key's file.
func (k *keyFlags) register(f *pflag.FlagSet, name string) {
	k.places(f)
	f.StringArrayVar(&k.files, name, nil, "`file` of a key that signs, or the name of one that is kept here; repeat for more")
}

// store is where new keys go and where names are looked up.
func (k *keyFlags) store(pass keys.Passphrase) (keys.Store, error) {
	if k.keyring {
		return keys.Keyring(keys.KeyringService), nil
	}
	dir, err := k.directory()
	if err != nil {
		return nil, err
	}
	return keys.Dir(dir, pass), nil
}

func (k *keyFlags) directory() (string, error) {
	if k.dir != "" {
		return k.dir, nil
	}
	dir, err := durable.DataDir("keys", keysVariable)
	if err != nil {
		return "", &failure{code: ExitConfig, summary: "The keys have no place", err: err}
	}
	return dir, nil
}

// chain finds the keys that sign: the files that were given, the directory, the
// keyring when it was asked for. given are the public parts of the files.
func (a *app) chain(k *keyFlags) (c *keys.Chain, given []keys.Public, err error) {
	pass := a.passphrase()
	c = keys.NewChain()
	for _, name := range k.files {
		p, err := c.AddFile(name, pass)
		if errors.Is(err, fs.ErrNotExist) && keys.CheckName(name) == nil {
			p, err = k.publicKey(name) // the chain finds it by itself
		}
		if err != nil {
			return nil, nil, &failure{code: ExitConfig, summary: "A key cannot be read", err: err}
		}
		given = append(given, p)
	}
	dir, err := k.directory()
	if err != nil {
		return nil, nil, err
	}
	c.AddStore(keys.Dir(dir, pass))
	if k.keyring {
		c.AddStore(keys.Keyring(keys.KeyringService))
	}
	return c, given, nil
}

// passphrase asks for the passphrase of a key: the environment, then the user. One
// that was typed is tried for the next key, too.
func (a *app) passphrase() keys.Passphrase {
	var typed []byte
	var last string
	return keys.FromEnvironment(func(what string) ([]byte, error) {
		if typed != nil && last != what {
			last = what
			return bytes.Clone(typed), nil
		}
		last = what
		text, err := a.typed(what)
		if err == nil {
			typed = bytes.Clone(text)
		}
		return text, err
	})
}

// newPassphrase asks for a passphrase twice, and once for all keys that a command
// makes.
func (a *app) newPassphrase() keys.Passphrase {
	var chosen []byte
	return keys.FromEnvironment(func(what string) ([]byte, error) {
		if chosen != nil {
			return bytes.Clone(chosen), nil
		}
		first, err := a.typed(what)
		if err != nil {
			return nil, err
		}
		second, err := a.typed("the same again")
		if err != nil {
			return nil, err
		}
		defer clear(second)
		if !bytes.Equal(first, second) {
			clear(first)
			return nil, errors.New("the two passphrases differ; run the command again")
		}
		chosen = bytes.Clone(first)
		return first, nil
	})
}

// typed reads a line from the terminal that does not show it.
func (a *app) typed(what string) ([]byte, error) {
	in := int(os.Stdin.Fd())
	if !a.interactive() || !term.IsTerminal(in) {
		return nil, fmt.Errorf("%s: %w", what, keys.ErrNoPassphrase)
	}
	fmt.Fprintf(a.stderr, "%s: ", report.CleanLine(what))
	text, err := term.ReadPassword(in)
	fmt.Fprintln(a.stderr)
	return text, err
}

// publicKey reads a public key that somebody gave: its line, a file with the line,
// a key file, or the name of a key in the store.
func (k *keyFlags) publicKey(text string) (keys.Public, error) {
	if strings.Contains(text, " ") {
		return keys.ParsePublic(text)
	}
	if info, err := os.Stat(text); err == nil && info.Mode().IsRegular() {
		return readPublicFile(text)
	}
	store, err := k.store(nil)
	if err != nil {
		return keys.Public{}, err
	}
	list, err := store.List()
	for _, p := range list {
		if p.Name == text {
			return p, nil
		}
	}
	return keys.Public{}, errors.Join(err, fmt.Errorf("%q is no public key, no file and no key in %s; `bulkhead registry keys list` shows those", text, store))
}

func readPublicFile(name string) (keys.Public, error) {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return keys.Public{}, err
	}
	data, err := durable.ReadFile(name, 4<<10)
	if err != nil {
		return keys.Public{}, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return keys.ReadPublic(name)
	}
	p, err := keys.ParsePublic(string(data))
	if err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// publicKeys reads several.
func (k *keyFlags) publicKeys(texts []string) ([]keys.Public, error) {
	var out []keys.Public
	for _, text := range texts {
		p, err := k.publicKey(text)
		if err != nil {
			return nil, misuse("--key: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (a *app) registryKeysCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Make and show the keys that sign registries and releases",
		Long: "A key is an Ed25519 key. It is kept in a file under a passphrase, or in the\n" +
			"keyring of this system. Where nobody can type the passphrase, set\n" +
			keys.PassphraseFileVariable + " to a file that holds it.\n\n" +
			"Give others the public line that `keys show` prints, and nothing else.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: %s generate, show or list", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.keysGenerateCmd(), a.keysShowCmd(), a.keysListCmd())
	return cmd
}

// keyList is what the commands on keys print.
type keyList struct {
	SchemaVersion string      `json:"schema_version"`
	Place         string      `json:"place,omitempty"`
	Keys          []listedKey `json:"keys"`
	Problem       string      `json:"problem,omitempty"` // what could not be read
}

type listedKey struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Public string `json:"public"` // the line to give to others
	File   string `json:"file,omitempty"`
}

func listKey(p keys.Public) listedKey {
	return listedKey{Name: p.Name, ID: p.ID(), Public: p.String()}
}

// WriteJSON writes the keys as one JSON document.
func (l keyList) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes the line of each key; with -v its ID and its file.
func (l keyList) WriteText(w io.Writer, opt report.Options) error {
	if len(l.Keys) == 0 {
		say(w, opt, "There is no key in %s; `bulkhead registry keys generate NAME` makes one.", l.Place)
	}
	for _, k := range l.Keys {
		fmt.Fprintln(w, report.CleanLine(k.Public))
		if opt.Verbose {
			fmt.Fprintf(w, "    id %s\n", k.ID)
		}
		if opt.Verbose && k.File != "" {
			fmt.Fprintf(w, "    in %s\n", report.CleanLine(k.File))
		}
	}
	if l.Problem != "" {
		say(w, opt, "warning: %s", l.Problem)
	}
	return nil
}

func (a *app) keysGenerateCmd() *cobra.Command {
	var k keyFlags
	var out string
	cmd := &cobra.Command{
		Use: "generate NAME", Short: "Make a key and print its public line", Args: exactly(1, "the name of the new key"),
		Example: "  bulkhead registry keys generate acme-2026\n  bulkhead registry keys generate acme-2026 --keyring\n  bulkhead registry keys generate acme-2026 --to acme.key",
		RunE:    func(_ *cobra.Command, args []string) error { return a.keysGenerate(&k, args[0], out) },
	}
	k.places(cmd.Flags())
	cmd.Flags().StringVar(&out, "to", "", "`file` to write it to")
	return cmd
}

func (a *app) keysGenerate(k *keyFlags, name, out string) error {
	if out != "" && (k.keyring || k.dir != "") {
		return misuse("--to, --keys and --keyring name different places; give one of them")
	}
	key, err := keys.Generate(name)
	if err != nil {
		return misuse("%w", err)
	}
	defer key.Wipe()
	place, err := a.saveKey(k, key, out)
	if err != nil {
		return signingError("The key cannot be kept", err)
	}
	listed := listKey(key.Public())
	listed.File = place
	return a.result(keyList{SchemaVersion: report.SchemaVersion, Keys: []listedKey{listed}})
}

// saveKey keeps a new key and says where.
func (a *app) saveKey(k *keyFlags, key *keys.Key, out string) (string, error) {
	if out != "" {
		return out, keys.SaveFile(out, key, a.newPassphrase())
	}
	store, err := k.store(a.newPassphrase())
	if err != nil {
		return "", err
	}
	place := store.String()
	if !k.keyring {
		place = filepath.Join(place, key.Public().Name+keys.Suffix)
	}
	return place, store.Save(key)
}

func (a *app) keysShowCmd() *cobra.Command {
	var k keyFlags
	cmd := &cobra.Command{
		Use: "show NAME|FILE", Short: "Print the public line of a key, for others to have", Args: exactly(1, "the name of a key or its file"),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := k.publicKey(args[0])
			if err != nil {
				return &failure{code: ExitConfig, summary: "No such key", err: err}
			}
			return a.result(keyList{SchemaVersion: report.SchemaVersion, Keys: []listedKey{listKey(p)}})
		},
	}
	k.places(cmd.Flags())
	return cmd
}

func (a *app) keysListCmd() *cobra.Command {
	var k keyFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the keys that are kept here", Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			store, err := k.store(nil)
			if err != nil {
				return err
			}
			list, err := store.List()
			if err != nil && len(list) == 0 {
				return signingError("The keys cannot be listed", err)
			}
			out := keyList{SchemaVersion: report.SchemaVersion, Place: store.String(), Keys: []listedKey{}}
			if err != nil {
				out.Problem = err.Error()
			}
			for _, p := range list {
				out.Keys = append(out.Keys, listKey(p))
			}
			return a.result(out)
		},
	}
	k.places(cmd.Flags())
	return cmd
}
