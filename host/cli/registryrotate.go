// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

func (a *app) registryRotateCmd() *cobra.Command {
	var o ownerFlags
	var given []string
	var threshold int
	cmd := &cobra.Command{
		Use: "rotate ROLE", Short: "Give a role other keys, or sign it anew before it expires", Args: exactly(1, "one of root, targets, snapshot, timestamp and log"),
		Long: "Rotate replaces the keys of root, targets, snapshot or timestamp by those of\n" +
			"--key, and makes a new root that says so. It needs the keys of the root, those\n" +
			"of the role if there still are any, and those of snapshot and timestamp. Without\n" +
			"--key the role keeps its keys and is signed anew; without --threshold as many\n" +
			"keys must sign as before.\n\n" +
			"Of the log it replaces the one key, also when that was lost or stolen: it needs\n" +
			"the keys of the root and the new one, and reads the whole log first. Users who\n" +
			"were given the old key need not do anything, since the new root names both.\n\n" +
			"A publisher's keys are replaced with add-publisher.",
		Example: "  bulkhead registry keys generate acme-timestamp-2\n  bulkhead registry rotate timestamp --key acme-timestamp-2",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(keyRoles, args[0]) {
				return misuse("%q cannot be rotated: the roles are root, targets, snapshot, timestamp and log; a publisher's keys are changed with add-publisher", args[0])
			}
			if len(given) == 0 && cmd.Flags().Changed("threshold") {
				return misuse("--threshold is one of new keys; give all keys that the role shall have with --key, old ones too")
			}
			def, err := o.role(cmd, given, threshold)
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), &o, func(r *repo.Repo, _ *keys.Chain, store files.Store) error {
				return a.rotate(cmd.Context(), r, store, args[0], def)
			})
		},
	}
	o.register(cmd.Flags())
	roleFlags(cmd, &given, &threshold)
	return cmd
}

func (a *app) rotate(ctx context.Context, r *repo.Repo, store files.Store, role string, def repo.Role) error {
	if role == "log" {
		return a.rotateLog(ctx, r, def)
	}
	if err := r.Rotate(ctx, role, def); err != nil {
		return err
	}
	look, err := repo.Look(ctx, store)
	if err != nil {
		return err
	}
	now := look.Roles[role]
	return a.done("the role %s is signed by %s now", role, keysText(now.Threshold, now.KeyIDs))
}

func (a *app) rotateLog(ctx context.Context, r *repo.Repo, def repo.Role) error {
	if len(def.Keys) != 1 || def.Threshold > 1 {
		return misuse("the log has one key: give the new one with --key; `bulkhead registry keys generate` makes it")
	}
	logKey, err := r.RotateLog(ctx, def.Keys[0])
	if err != nil {
		return err
	}
	return a.result(rotatedLog{SchemaVersion: report.SchemaVersion, LogKey: logKey})
}

// rotatedLog is what `bulkhead registry rotate log` prints.
type rotatedLog struct {
	SchemaVersion string `json:"schema_version"`
	LogKey        string `json:"log_key"` // the new one
}

// WriteJSON writes the key as one JSON document.
func (r rotatedLog) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText says what the new key is and who needs it.
func (r rotatedLog) WriteText(w io.Writer, opt report.Options) error {
	fmt.Fprintf(w, "log key  %s\n\n", report.CleanLine(r.LogKey))
	say(w, opt, "The log is signed with this key from now on. Hand it out to new users; those who were given the old one need not do anything.")
	return nil
}

// roleFlags are the keys and the threshold of a role.
func roleFlags(cmd *cobra.Command, given *[]string, threshold *int) {
	f := cmd.Flags()
	f.StringArrayVar(given, "key", nil, "public `key`: its line, a file with it, or the name of a key here; repeat for more")
	f.IntVar(threshold, "threshold", 0, "`number` of the keys that must sign (default: as many as until now, or 1)")
}

// role makes a role of flags; a threshold that was not given is 0.
func (k *keyFlags) role(cmd *cobra.Command, given []string, threshold int) (repo.Role, error) {
	if threshold < 1 && cmd.Flags().Changed("threshold") {
		return repo.Role{}, misuse("--threshold %d: at least one key must sign", threshold)
	}
	public, err := k.publicKeys(given)
	return repo.Role{Keys: public, Threshold: threshold}, err
}

func keysText(threshold int, ids []string) string {
	return fmt.Sprintf("%d of %s", threshold, count(len(ids), "key", "keys"))
}

func (a *app) registryExpiryCmd() *cobra.Command {
	var o ownerFlags
	cmd := &cobra.Command{
		Use: "expiry ROLE=DURATION...", Short: "Change for how long what a role signs is good",
		Long: "Expiry makes a new root that says for how long what root, targets, publisher,\n" +
			"snapshot or timestamp sign from now on is good, and signs snapshot and timestamp\n" +
			"anew. It needs the keys of all three. What targets and publishers have signed\n" +
			"keeps its date until it is signed the next time: `bulkhead registry rotate\n" +
			"targets` and `bulkhead plugin sign` do that.",
		Example: "  bulkhead registry expiry timestamp=72h snapshot=336h --registry /srv/registry",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse("say what shall be good for how long, such as `%s timestamp=72h`", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := parseExpiry("expiry", args)
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), &o, func(r *repo.Repo, _ *keys.Chain, store files.Store) error {
				if err := r.SetExpiry(cmd.Context(), e); err != nil {
					return err
				}
				look, err := repo.Look(cmd.Context(), store)
				if err != nil {
					return err
				}
				x := look.Expiry
				return a.done("what is signed from now on is good for: root %s, targets %s, publisher %s, snapshot %s, timestamp %s", x.Root, x.Targets, x.Publisher, x.Snapshot, x.Timestamp)
			})
		},
	}
	o.register(cmd.Flags())
	return cmd
}
