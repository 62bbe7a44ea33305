// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
)

// Severities of a problem.
const (
	Fault   = "fault"   // a client refuses something, or should
	Warning = "warning" // it will become one
	Remark  = "remark"  // somebody should know why it is so
)

// Problem is something that an audit found.
type Problem struct {
	Severity string `json:"severity"`
	File     string `json:"file"` // of the registry
	Reason   string `json:"reason"`
}

// Report is what an audit found. The registry is sound when it has no fault.
type Report struct {
	Overview *Overview
	Problems []Problem
	Releases int
	Yanked   int
	Targets  int   // files: archives and documents
	Bytes    int64 // of the targets
	Records  int64 // of the log
}

// Sound reports whether there is no fault.
func (r *Report) Sound() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Severity == Fault })
}

// VerifyOptions of an audit.
type VerifyOptions struct {
	Root   []byte // the first root that the registry should have; nil believes the registry
	LogKey string // that its log should have; "" believes the registry
	Now    time.Time
	// Progress is told how far an audit or a copy is; nil tells nobody. It is called
	// from one goroutine at a time.
	Progress func(Progress)
	// Target, when given, consumes each target instead of the audit: it must read
	// open's reader to its end, which fails when the content is wrong.
	Target func(ctx context.Context, name string, open func() (io.ReadCloser, error)) error
}

// Steps of an audit and of a copy.
const (
	Auditing = "verify" // targets and their metadata
	Logging  = "log"    // the records of the log
	Copying  = "copy"
)

// Progress is how far an audit or a copy is.
type Progress struct {
	Step  string
	Name  string // of the file, or of the release of a record
	Done  int    // files or records so far, this one not counted while it is read
	Total int    // 0 when it is not known
	Bytes int64  // of a file that is copied, so far
	Size  int64  // of that file; -1 when it is not known
}

// Verify audits a registry from the outside: every root, all metadata that count
// now, the content of every target, and the whole log. It goes on after a fault as
// long as anything below can still be judged. The error is that of reading.
func Verify(ctx context.Context, src files.Source, o VerifyOptions) (*Report, error) {
	a := &audit{src: src, opt: o, report: &Report{Problems: []Problem{}}, released: map[string]*release.Release{}}
	err := a.run(ctx)
	slices.SortStableFunc(a.report.Problems, func(x, y Problem) int { return severityOrder(x) - severityOrder(y) })
	return a.report, err
}

func severityOrder(p Problem) int { return slices.Index([]string{Fault, Warning, Remark}, p.Severity) }

// say tells of one more file or record.
func (a *audit) say(step, name string, done int) {
	if a.opt.Progress != nil {
		a.opt.Progress(Progress{Step: step, Name: name, Done: done})
	}
}

type audit struct {
	src      files.Source
	opt      VerifyOptions
	report   *Report
	state    *state
	released map[string]*release.Release // by "ID VERSION"
	revoked  map[string]bool             // namespaces
}

func (a *audit) add(severity, file, format string, args ...any) {
	a.report.Problems = append(a.report.Problems, Problem{Severity: severity, File: file, Reason: fmt.Sprintf(format, args...)})
}

// judge makes an error a fault, unless it is one of reading the source.
func (a *audit) judge(file string, err error) error {
	if err == nil {
		return nil
	}
	if bad, ok := errors.AsType[*MetadataError](err); ok {
		a.add(Fault, bad.File, "%v", bad.Err)
		return nil
	}
	if large, ok := errors.AsType[*files.TooLargeError](err); ok {
		a.add(Fault, large.Name, "%v", err)
		return nil
	}
	if errors.Is(err, files.ErrNotExist) {
		a.add(Fault, file, "it is missing: %v", err)
		return nil
	}
	return err
}

func (a *audit) run(ctx context.Context) error {
	var err error
	if a.state, err = load(ctx, a.src); err != nil {
		return a.judge("metadata", err)
	}
	a.report.Overview = a.state.overview()
	a.top()
	a.delegations()
	for _, namespace := range a.state.namespaces() {
		if err := a.publisher(ctx, namespace); err != nil {
			return err
		}
	}
	return a.log(ctx)
}

// top checks what the chain of the metadata does not show.
func (a *audit) top() {
	s := a.state
	if a.opt.Root != nil && !bytes.Equal(a.opt.Root, s.first) {
		a.add(Fault, versioned(metadata.ROOT, 1), "it is not the first root that was given")
	}
	if a.opt.LogKey != "" && a.opt.LogKey != s.policy.LogKey {
		severity, how := Fault, "its log key is %s, and %s was given"
		if slices.Contains(s.policy.FormerLogs, a.opt.LogKey) {
			severity, how = Remark, "its log key is %s now; the root's keys say that it replaced %s, which was given"
		}
		a.add(severity, versioned(metadata.ROOT, s.root.Signed.Version), how, s.policy.LogKey, a.opt.LogKey)
	}
	for role, m := range map[string]any{metadata.TIMESTAMP: s.timestamp, metadata.SNAPSHOT: s.snapshot, metadata.TARGETS: s.targets} {
		if err := verifyBy(s.root, role, m); err != nil {
			a.add(Fault, metadataDir+role, "it is signed with keys that the newest root replaced; `bulkhead registry refresh` signs it anew")
		}
	}
	e := s.policy.Expiry
	a.expiry(versioned(metadata.ROOT, s.root.Signed.Version), s.root.Signed.Expires, e.Root)
	a.expiry(versioned(metadata.TARGETS, s.targets.Signed.Version), s.targets.Signed.Expires, e.Targets)
	a.expiry(versioned(metadata.SNAPSHOT, s.snapshot.Signed.Version), s.snapshot.Signed.Expires, e.Snapshot)
	a.expiry(timestampName, s.timestamp.Signed.Expires, e.Timestamp)
}

// expiry warns when less than a sixth of the time that metadata are good for is
// left.
func (a *audit) expiry(file string, expires time.Time, after time.Duration) {
	left := expires.Sub(a.opt.Now)
	switch {
	case left <= 0:
		a.add(Fault, file, "it expired on %s", expires.Format(time.RFC3339))
	case left < after/6:
		a.add(Warning, file, "it expires on %s", expires.Format(time.RFC3339))
	}
}

// delegations checks that each role may sign what its namespace has and no more.
func (a *audit) delegations() {
	d := a.state.targets.Signed.Delegations
	file := versioned(metadata.TARGETS, a.state.targets.Signed.Version)
	if d == nil {
		return
	}
	if d.SuccinctRoles != nil {
		a.add(Fault, file, "it has succinct roles, which no registry has")
	}
	seen := map[string]bool{}
	for _, r := range d.Roles {
		if err := checkDelegation(r, d.Keys); err != nil {
			a.add(Fault, file, "the delegation of %.80q: %v", r.Name, err)
		}
		if seen[r.Name] {
			a.add(Fault, file, "%.80q is delegated twice", r.Name)
		}
		seen[r.Name] = true
	}
	a.revoked = map[string]bool{}
	for name := range a.state.snapshot.Signed.Meta {
		namespace := strings.TrimSuffix(name, ".json")
		if namespace != metadata.TARGETS && !seen[namespace] {
			a.revoked[namespace] = true
			a.add(Remark, versioned(metadata.SNAPSHOT, a.state.snapshot.Signed.Version), "the publisher of %.80q was revoked", namespace)
		}
	}
}

func checkDelegation(r metadata.DelegatedRole, known map[string]*metadata.Key) error {
	if err := release.CheckNamespace(r.Name); err != nil {
		return err
	}
	if !slices.Equal(r.Paths, []string{release.RolePattern(r.Name)}) || len(r.PathHashPrefixes) != 0 || !r.Terminating {
		return fmt.Errorf("it must be terminating and for %s only", release.RolePattern(r.Name))
	}
	for _, id := range r.KeyIDs {
		k := known[id]
		if k == nil || k.Type != metadata.KeyTypeEd25519 || k.Scheme != metadata.KeySchemeEd25519 {
			return fmt.Errorf("its key %.12s is missing or not Ed25519", id)
		}
		if got, err := k.ID(); err != nil || got != id {
			return fmt.Errorf("its key %.12s has another ID", id)
		}
	}
	return nil
}

// publisher checks the metadata of a namespace and its targets.
func (a *audit) publisher(ctx context.Context, namespace string) error {
	m, err := a.state.publisher(ctx, namespace)
	if err != nil || m == nil {
		return a.judge(a.state.fileOf(namespace), err)
	}
	file := versioned(namespace, m.Signed.Version)
	a.expiry(file, m.Signed.Expires, a.state.policy.Expiry.Publisher)
	found, err := offers(namespace, &m.Signed)
	if err != nil {
		a.add(Fault, file, "%v", err)
	}
	for _, o := range sorted(found) {
		a.released[o.Release.ID+" "+o.Release.Version] = o.Release
		a.report.Releases++
		if o.Yanked != nil {
			a.report.Yanked++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Signed.Targets)) {
		if err := a.target(ctx, name, m.Signed.Targets[name]); err != nil {
			return err
		}
	}
	return nil
}

// target reads a target and checks it.
func (a *audit) target(ctx context.Context, path string, t *metadata.TargetFiles) error {
	if t == nil {
		return nil // offers has said so
	}
	digest, err := digestOf(t)
	if err != nil {
		return nil // offers has said so
	}
	name := targetName(path, digest)
	if files.CheckName(name) != nil {
		return nil // offers has said so, and no file can have that name
	}
	a.say(Auditing, path, a.report.Targets)
	consume := a.opt.Target
	if consume == nil {
		consume = discard
	}
	err = consume(ctx, name, func() (io.ReadCloser, error) { return openExact(ctx, a.src, name, t.Length, digest) })
	if wrong, ok := errors.AsType[*contentError](err); ok {
		a.add(Fault, name, "%v", wrong)
		return nil
	}
	if err != nil {
		return a.judge(name, err)
	}
	a.report.Targets++
	a.report.Bytes += t.Length
	return nil
}

func discard(_ context.Context, _ string, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// log reads the whole log and compares it with the releases.
func (a *audit) log(ctx context.Context) error {
	v, err := note.NewVerifier(a.state.policy.LogKey)
	if err != nil {
		return err
	}
	logged := map[string]bool{}
	c, err := translog.Audit(ctx, a.src, v, func(index int64, e translog.Entry) error {
		a.logged(index, e, logged)
		return nil
	})
	if bad, ok := errors.AsType[*translog.ProofError](err); ok {
		a.add(Fault, translog.CheckpointName, "%v", bad)
		return nil
	}
	if err != nil {
		return a.judge(translog.CheckpointName, err)
	}
	a.report.Records = c.Size
	for _, name := range slices.Sorted(maps.Keys(a.released)) {
		if !logged[name] {
			a.add(Fault, translog.CheckpointName, "%s is offered and not in the log", name)
		}
	}
	return nil
}

// logged compares a record with the release that is offered.
func (a *audit) logged(index int64, e translog.Entry, seen map[string]bool) {
	name := e.ID + " " + e.Version
	a.say(Logging, name, int(index))
	rel := a.released[name]
	if rel == nil {
		if id, err := release.ParseID(e.ID); err == nil && !a.revoked[id.Namespace] {
			a.add(Remark, translog.CheckpointName, "record %d, %s, is not offered; its publication was cut short, so publish the same submission again", index, name)
		}
		return
	}
	want, err1 := translog.Record(rel)
	got, err2 := e.Encode()
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(want, got) {
		a.add(Fault, translog.CheckpointName, "record %d of %s has other digests than the release that is offered (%v)", index, name, err)
		return
	}
	seen[name] = true
}
