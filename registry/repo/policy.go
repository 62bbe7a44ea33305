// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/mod/sumdb/note"
)

// policyField is the member of the root that says what TUF does not.
const policyField = "x-bulkhead"

// Expiry is how long metadata of each role is good for after it was signed. It is
// in whole seconds.
type Expiry struct {
	Root, Targets, Publisher, Snapshot, Timestamp time.Duration
}

// DefaultExpiry is a year for what is signed offline, 30 days for the snapshot
// and 7 days for the timestamp: a client that is cut off from the registry notices
// within a week, and somebody has to run Refresh that often.
func DefaultExpiry() Expiry {
	const day = 24 * time.Hour
	return Expiry{Root: 365 * day, Targets: 365 * day, Publisher: 365 * day, Snapshot: 30 * day, Timestamp: 7 * day}
}

// Bounds on an expiry.
const (
	minExpiry = time.Minute
	maxExpiry = 10 * 365 * 24 * time.Hour
)

// fill takes the defaults for what is 0 and checks the rest.
func (e Expiry) fill() (Expiry, error) {
	def := DefaultExpiry()
	for _, f := range []struct {
		role string
		d    *time.Duration
		def  time.Duration
	}{
		{"root", &e.Root, def.Root}, {"targets", &e.Targets, def.Targets}, {"publisher", &e.Publisher, def.Publisher},
		{"snapshot", &e.Snapshot, def.Snapshot}, {"timestamp", &e.Timestamp, def.Timestamp},
	} {
		if *f.d == 0 {
			*f.d = f.def
		}
		if *f.d < minExpiry || *f.d > maxExpiry || *f.d%time.Second != 0 {
			return e, fmt.Errorf("metadata of the role %s cannot expire after %s; give whole seconds, from %s to %s", f.role, *f.d, minExpiry, maxExpiry)
		}
	}
	return e, nil
}

// policy is what the member of the root holds.
type policy struct {
	Name   string // of the registry and its log
	LogKey string // as package note writes it
	Expiry Expiry
}

func (p policy) write(root *metadata.RootType) {
	root.UnrecognizedFields = map[string]any{policyField: map[string]any{
		"name": p.Name, "log": p.LogKey, "expiry": map[string]any{
			"root": p.Expiry.Root.String(), "targets": p.Expiry.Targets.String(), "publisher": p.Expiry.Publisher.String(),
			"snapshot": p.Expiry.Snapshot.String(), "timestamp": p.Expiry.Timestamp.String(),
		},
	}}
}

// readPolicy reads the member of a root whose signatures are verified.
func readPolicy(root *metadata.RootType) (p policy, err error) {
	field, ok := root.UnrecognizedFields[policyField].(map[string]any)
	if !ok {
		return p, fmt.Errorf("the root has no member %q; it is that of a TUF repository, and not of a registry that Bulkhead made", policyField)
	}
	p.Name, _ = field["name"].(string)
	p.LogKey, _ = field["log"].(string)
	v, err := note.NewVerifier(p.LogKey)
	if err != nil || v.Name() != p.Name {
		return p, fmt.Errorf("the root's member %q has no good log key (%.80q)", policyField, p.LogKey)
	}
	p.Expiry, err = readExpiry(field["expiry"])
	return p, err
}

func readExpiry(field any) (Expiry, error) {
	var e Expiry
	texts, _ := field.(map[string]any)
	for role, d := range map[string]*time.Duration{
		"root": &e.Root, "targets": &e.Targets, "publisher": &e.Publisher, "snapshot": &e.Snapshot, "timestamp": &e.Timestamp,
	} {
		text, _ := texts[role].(string)
		var err error
		if *d, err = time.ParseDuration(text); err != nil {
			return e, fmt.Errorf("the root's member %q has no good expiry of %s (%.40q)", policyField, role, text)
		}
	}
	return e.fill()
}
