// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Query chooses records. The zero Query chooses all.
type Query struct {
	Plugin string    // "" is every plugin
	Kind   Kind      // "" is every kind
	Since  time.Time // records of this time and later
	Last   int       // no more than so many, the last ones; 0 is no limit
}

func (q Query) matches(r Record) bool {
	return (q.Plugin == "" || r.Plugin == q.Plugin) && (q.Kind == "" || r.Kind == q.Kind) && !r.Time.Before(q.Since)
}

// Select calls fn with the chosen records of a log, in the order of the log. It
// checks each record's own hash and nothing else; Verify checks the chain.
// Lines that are no valid records are passed over and counted. An error of fn
// ends it.
func Select(dir string, q Query, fn func(Record) error) (unreadable int, err error) {
	s, err := look(dir)
	if err != nil {
		return 0, err
	}
	last := ring{limit: q.Last}
	var fnErr error
	for _, f := range s.files {
		err := s.each(f, func(l line) error {
			r, err := l.record(f.name())
			switch {
			case err != nil:
				unreadable++
			case !q.matches(r):
			case q.Last > 0:
				last.add(r)
			default:
				fnErr = fn(r)
			}
			return fnErr
		})
		if fnErr != nil {
			return unreadable, fnErr
		}
		switch {
		case errors.As(err, new(*fs.PathError)) && !errors.Is(err, fs.ErrPermission):
			unreadable++ // something else stands in the place of the file
		case err != nil:
			return unreadable, fmt.Errorf("reading %s of the audit log in %s: %w", f.name(), dir, err)
		}
	}
	return unreadable, last.each(fn)
}

// ring keeps the last records.
type ring struct {
	limit, next int
	records     []Record
}

func (k *ring) add(r Record) {
	if len(k.records) < k.limit {
		k.records = append(k.records, r)
		return
	}
	k.records[k.next] = r
	k.next = (k.next + 1) % k.limit
}

// each calls fn with the oldest first.
func (k *ring) each(fn func(Record) error) error {
	for i := range k.records {
		if err := fn(k.records[(k.next+i)%len(k.records)]); err != nil {
			return err
		}
	}
	return nil
}
