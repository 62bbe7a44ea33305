// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

const generationDir = "generations"

// Generation is a text that a lock file had.
type Generation struct {
	Number int       `json:"number"` // from 1, rising
	At     time.Time `json:"at"`
	Why    string    `json:"why"` // as it was given to Switch, or how it came
	// Found: it came from an editor, from git, or from another machine.
	Found bool `json:"found,omitempty"`
	// Pinned generations are never collected.
	Pinned  bool `json:"pinned,omitempty"`
	Current bool `json:"current,omitempty"`
	// Of is the generation that a rollback returned to; 0 for others.
	Of int `json:"of,omitempty"`
}

// record is N.json.
type record struct {
	Number int       `json:"number"`
	At     time.Time `json:"at"`
	Why    string    `json:"why"`
	SHA256 string    `json:"sha256"` // of N.hcl, in hex
	Found  bool      `json:"found,omitempty"`
	Pinned bool      `json:"pinned,omitempty"`
	Of     int       `json:"of,omitempty"`
	// Pending: it may not have become current.
	Pending bool `json:"pending,omitempty"`
}

// records are those of a scope, by number.
type records []record

func textSum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// of is the newest generation with a text; nil when there is none.
func (r records) of(text []byte) *record {
	sum := textSum(text)
	for i := len(r) - 1; i >= 0; i-- {
		if r[i].SHA256 == sum {
			return &r[i]
		}
	}
	return nil
}

func (r records) number(n int) *record {
	for i := range r {
		if r[i].Number == n {
			return &r[i]
		}
	}
	return nil
}

func (r records) last() int {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].Number
}

// numberBefore is the generation that undoing the current one returns to; 0 when there
// is none. After a rollback that is the one before where it went. A text that locks the
// same, such as one with a comment that somebody added, is no earlier state.
func (sc *Scope) numberBefore(r records, text []byte) int {
	at := r.last() + 1 // the text of an editor may be no generation yet
	if current := r.of(text); current != nil {
		at = current.Number
	}
	for next := r.number(at); next != nil && next.Of != 0; next = r.number(at) {
		at = next.Of
	}
	now := normal(sc.pointer, text)
	for i := len(r) - 1; i >= 0; i-- {
		if r[i].Number >= at {
			continue
		}
		old, err := sc.textOf(r, r[i].Number)
		if err != nil || !bytes.Equal(normal(sc.pointer, old), now) {
			return r[i].Number
		}
	}
	return 0
}

// normal is a lock file in its normal form, or as it is when it is not valid.
func normal(name string, text []byte) []byte {
	if f, err := lock.Parse(name, text); err == nil {
		if n, err := f.Encode(); err == nil {
			return n
		}
	}
	return text
}

// generationOf is the number of the newest generation with a text; 0 when there is
// none. It reads no more records than it must, as it is done at every start.
func (sc *Scope) generationOf(text []byte) (int, error) {
	numbers, err := numbered(sc.path(generationDir), ".json")
	if err != nil {
		return 0, fmt.Errorf("listing generations: %w", err)
	}
	sum := textSum(text)
	for _, n := range slices.Backward(numbers) {
		var r record
		err := readJSON(sc.recordPath(n), &r)
		if err == nil && r.SHA256 == sum {
			return n, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	return 0, nil
}

// records reads the records of generations that were current. The text of the
// pointer decides about those of which it is not known.
func (sc *Scope) records() (records, error) {
	all, err := sc.allRecords()
	if err != nil {
		return nil, err
	}
	text, err := sc.read()
	if err != nil {
		return nil, err
	}
	var out records
	for _, r := range all {
		if !r.Pending || text != nil && r.SHA256 == textSum(text) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (sc *Scope) allRecords() (records, error) {
	numbers, err := numbered(sc.path(generationDir), ".json")
	if err != nil {
		return nil, fmt.Errorf("listing generations: %w", err)
	}
	var out records
	for _, n := range numbers {
		var r record
		err := readJSON(sc.recordPath(n), &r)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was collected meanwhile
		}
		if err != nil {
			return nil, err
		}
		r.Number = n
		out = append(out, r)
	}
	return out, nil
}

// numbered lists the numbers of files N.SUFFIX, in order.
func numbered(dir, suffix string) ([]int, error) {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []int
	for _, e := range list {
		text, ok := strings.CutSuffix(e.Name(), suffix)
		if n, err := strconv.Atoi(text); ok && err == nil && n > 0 && strconv.Itoa(n) == text {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Generations lists what the lock file was, the oldest first.
func (sc *Scope) Generations() ([]Generation, error) {
	records, err := sc.records()
	if err != nil {
		return nil, err
	}
	text, err := sc.read()
	if err != nil {
		return nil, err
	}
	current := 0
	if r := records.of(text); r != nil && text != nil {
		current = r.Number
	}
	out := make([]Generation, len(records))
	for i, r := range records {
		out[i] = Generation{Number: r.Number, At: r.At, Why: r.Why, Found: r.Found, Pinned: r.Pinned, Of: r.Of, Current: r.Number == current}
	}
	return out, nil
}

// Generation returns the lock file of a generation; a *NoGenerationError when it
// is not there. 0 is the generation that [Scope.Rollback] of 0 returns to.
func (sc *Scope) Generation(n int) (*lock.File, error) {
	records, err := sc.records()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		now, err := sc.read()
		if err != nil {
			return nil, err
		}
		n = sc.numberBefore(records, now)
	}
	text, err := sc.textOf(records, n)
	if err != nil {
		return nil, err
	}
	return lock.Parse(sc.textPath(n), text)
}

func (sc *Scope) textPath(n int) string { return sc.path(generationDir, strconv.Itoa(n)+".hcl") }

func (sc *Scope) recordPath(n int) string { return sc.path(generationDir, strconv.Itoa(n)+".json") }

// textOf reads the text of a generation and compares it with its record.
func (sc *Scope) textOf(records records, n int) ([]byte, error) {
	r := records.number(n)
	if r == nil {
		return nil, &NoGenerationError{Lock: sc.pointer, Number: n}
	}
	text, err := durable.ReadFile(sc.textPath(n), lock.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading generation %d: %w", n, err)
	}
	if textSum(text) != r.SHA256 {
		return nil, fmt.Errorf("%s was changed, so generation %d is lost; choose another one", sc.textPath(n), n)
	}
	return text, nil
}

// Pin keeps a generation from being collected, or no longer.
func (sc *Scope) Pin(ctx context.Context, n int, pinned bool) error {
	l, err := sc.store.lockStore(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = l.Release() }()
	text, err := sc.read()
	if err != nil {
		return err
	}
	records, err := sc.tidy(text)
	if err != nil {
		return err
	}
	r := records.number(n)
	if r == nil {
		return &NoGenerationError{Lock: sc.pointer, Number: n}
	}
	r.Pinned = pinned
	return sc.store.writeJSON(sc.recordPath(n), r)
}

// drop deletes a generation. Its text goes last, and a text without a record is
// dropped by the next change.
func (sc *Scope) drop(n int) error {
	if err := sc.store.fail(StepDropRecord); err != nil {
		return err
	}
	if err := os.Remove(sc.recordPath(n)); err != nil {
		return err
	}
	if err := sc.store.fail(StepDropText); err != nil {
		return err
	}
	return os.Remove(sc.textPath(n))
}
