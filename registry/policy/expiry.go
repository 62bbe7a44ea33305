// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"time"
)

// Expiry is how long metadata of each role are good for after they were signed. It
// is in whole seconds.
type Expiry struct {
	Root, Targets, Publisher, Snapshot, Timestamp time.Duration
}

// DefaultExpiry is a year for what is signed offline, 30 days for the snapshot
// and 7 days for the timestamp: a client that is cut off from the registry notices
// within a week, and somebody has to sign the timestamp anew that often.
func DefaultExpiry() Expiry {
	const day = 24 * time.Hour
	return Expiry{Root: 365 * day, Targets: 365 * day, Publisher: 365 * day, Snapshot: 30 * day, Timestamp: 7 * day}
}

// Bounds on an expiry.
const (
	MinExpiry = time.Minute
	MaxExpiry = 10 * 365 * 24 * time.Hour
)

// field is one duration and what it is called.
type field struct {
	role string
	d    *time.Duration
}

func (e *Expiry) fields() []field {
	return []field{{"root", &e.Root}, {"targets", &e.Targets}, {"publisher", &e.Publisher}, {"snapshot", &e.Snapshot}, {"timestamp", &e.Timestamp}}
}

// Fill takes from other what is 0, and checks the rest.
func (e Expiry) Fill(other Expiry) (Expiry, error) {
	from := other.fields()
	for i, f := range e.fields() {
		if *f.d == 0 {
			*f.d = *from[i].d
		}
	}
	return e, e.Check()
}

// Check checks that each is in whole seconds and within the bounds.
func (e Expiry) Check() error {
	for _, f := range e.fields() {
		if *f.d < MinExpiry || *f.d > MaxExpiry || *f.d%time.Second != 0 {
			return fmt.Errorf("metadata of the role %s cannot expire after %s; give whole seconds, from %s to %s", f.role, *f.d, MinExpiry, MaxExpiry)
		}
	}
	return nil
}

func (e Expiry) write() map[string]any {
	texts := map[string]any{}
	for _, f := range e.fields() {
		texts[f.role] = f.d.String()
	}
	return texts
}

func readExpiry(value any) (Expiry, error) {
	var e Expiry
	texts, _ := value.(map[string]any)
	for _, f := range e.fields() {
		text, _ := texts[f.role].(string)
		var err error
		if *f.d, err = time.ParseDuration(text); err != nil {
			return e, fmt.Errorf("the root's member %q has no good expiry of %s (%.40q)", Field, f.role, text)
		}
	}
	return e, e.Check()
}
