// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// maxProblems and maxNotes bound a verdict on a log that is nothing but damage.
const (
	maxProblems = 100
	maxNotes    = 100
)

// Verdict is what Verify finds.
type Verdict struct {
	Dir string
	// Intact is true when there is no problem; notes are none.
	Intact  bool
	Files   int
	Records uint64 // that are valid
	// First and Last are times of valid records, zero when there are none.
	First, Last time.Time
	// Anchor of the last record of an intact log, zero in an empty or damaged one.
	Anchor   Anchor
	Problems []Problem
	// Omitted is the number of problems beyond the first hundred.
	Omitted int
	// Notes are what a crash or the host itself explains.
	Notes []string
}

// Problem is one thing that no crash explains.
type Problem struct {
	File string // in the directory
	Line int    // from 1; 0 when it is about the whole file
	Seq  uint64 // of the record that it is about; 0 when unknown
	What string
	// Reason is how this comes about, most likely.
	Reason string
}

// Verify walks the whole log, every file in order, and holds every record, the
// chain, the head and the anchors against each other. It needs no right to
// write and little memory. Hosts may be writing: it judges the log as it was
// when it began. The error is of the system; damage is in the verdict. An empty
// or missing directory is an intact log, unless an anchor is expected.
func Verify(dir string, expect ...Anchor) (*Verdict, error) {
	s, err := look(dir)
	if err != nil {
		return nil, err
	}
	v := verifier{snapshot: s, expect: expect, found: make([]bool, len(expect)), hash: genesis, linked: true}
	v.verdict.Dir = dir
	if err := v.files(); err != nil {
		return nil, fmt.Errorf("the audit log in %s cannot be read: %w", dir, err)
	}
	v.judgeHead()
	v.judgeAnchors()
	v.verdict.Intact = len(v.verdict.Problems) == 0
	if v.verdict.Intact && v.seq > 0 {
		v.verdict.Anchor = Anchor{v.seq, v.hash}
	}
	return &v.verdict, nil
}

// verifier is the state of a walk.
type verifier struct {
	snapshot
	verdict Verdict
	expect  []Anchor
	found   []bool // for each anchor: a record of that number was seen

	seq    uint64 // of the record before
	hash   string
	linked bool // hash is known
	atHead bool // the record that the head names was seen where it says
}

// files walks all files.
func (v *verifier) files() error {
	next := 1
	for i, f := range v.snapshot.files {
		if f.number > next {
			v.problem(Problem{File: fileName(next), What: missingFiles(next, f.number-1), Reason: "it was deleted, renamed or moved away"})
		}
		next = f.number + 1
		if err := v.file(f, i == len(v.snapshot.files)-1); err != nil {
			return err
		}
	}
	v.verdict.Files = len(v.snapshot.files)
	return nil
}

func missingFiles(from, to int) string {
	if from == to {
		return "the file is missing"
	}
	return fmt.Sprintf("this file and those up to %s are missing", fileName(to))
}

func (v *verifier) file(f file, last bool) error {
	err := v.each(f, func(l line) error {
		v.line(f, l, last)
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil:
		v.problem(Problem{File: f.name(), What: "the file cannot be read: " + err.Error(), Reason: "something else stands in its place, or the disk fails"})
	case f.size == 0 && !last:
		v.problem(Problem{File: f.name(), What: "the file is empty", Reason: "its records were deleted"})
	}
	return nil
}

// line judges one line.
func (v *verifier) line(f file, l line, last bool) {
	if l.torn && !l.long && last {
		v.note("%s ends in a torn line of %s after record %d: a host was stopped while writing, and the next one moves the line aside", f.name(), bytesText(len(l.text)), v.seq)
		return
	}
	r, err := l.record(f.name())
	switch {
	case l.torn:
		v.problem(Problem{File: f.name(), Line: l.number, What: "the line has no end", Reason: "the file was cut short"})
		v.linked = false
	case errors.Is(err, errHash):
		v.edited(r)
	case err != nil:
		v.unreadable(f, l, err)
	default:
		v.record(r, l.end)
	}
}

// edited takes a record whose hash does not match. The hash that it states is
// what the next one should link to, and its number is not believed.
func (v *verifier) edited(r Record) {
	v.seq++
	v.problem(Problem{File: r.File, Line: r.Line, Seq: v.seq, What: errHash.Error(), Reason: "the line was edited after it was written"})
	v.hash, v.linked = r.Hash, true
}

func (v *verifier) unreadable(f file, l line, err error) {
	v.seq++
	reason := "the line was edited or overwritten"
	if errors.Is(err, errVersion) {
		reason = "a newer Bulkhead wrote it, or it was edited; verify with the newest Bulkhead"
	}
	v.problem(Problem{File: f.name(), Line: l.number, Seq: v.seq, What: err.Error(), Reason: reason})
	v.linked = false
}

// record takes a record that is valid in itself.
func (v *verifier) record(r Record, end int64) {
	v.verdict.Records++
	if v.verdict.First.IsZero() {
		v.verdict.First = r.Time
	}
	v.verdict.Last = r.Time
	v.anchors(r)
	if r.Seq <= v.seq {
		v.problem(Problem{
			File: r.File, Line: r.Line, Seq: r.Seq, What: fmt.Sprintf("record %d stands after record %d", r.Seq, v.seq),
			Reason: "lines were swapped, written twice or brought in from another log",
		})
		return
	}
	v.link(r)
	v.seq, v.hash, v.linked = r.Seq, r.Hash, true
	h := v.head
	v.atHead = v.atHead || v.headErr == nil && r.Seq == h.Seq && r.Hash == h.Hash && r.File == h.File && end == h.Size
	v.tell(r)
}

// link holds a record against the one before.
func (v *verifier) link(r Record) {
	p := Problem{File: r.File, Line: r.Line, Seq: r.Seq}
	switch {
	case r.Seq > v.seq+1:
		p.What, p.Reason = missingRecords(v.seq+1, r.Seq-1), "lines or a file were deleted before this one"
	case v.linked && r.Prev != v.hash:
		p.What = fmt.Sprintf("record %d does not follow from the one before", r.Seq)
		p.Reason = "one of the two was replaced and its hash made to match, or they are of two logs"
	default:
		return
	}
	v.problem(p)
}

func missingRecords(from, to uint64) string {
	if from == to {
		return fmt.Sprintf("record %d is missing", from)
	}
	return fmt.Sprintf("records %d to %d are missing", from, to)
}

// tell notes what hosts recorded about the log itself.
func (v *verifier) tell(r Record) {
	if r.Kind != KindDamage && r.Kind != KindRepair && r.Kind != KindLost {
		return
	}
	e, err := r.Event()
	if err != nil {
		return // the data is not ours, but the chain holds
	}
	switch e := e.(type) {
	case Damage:
		v.problem(Problem{
			File: r.File, Line: r.Line, Seq: r.Seq, What: fmt.Sprintf("a host found damage when it opened the log: %s: %s", e.File, e.What),
			Reason: "the end of the log was cut off or changed before that",
		})
	case Repair:
		v.note("record %d: a torn line of %s was moved to %s after a host was stopped while writing", r.Seq, bytesText(int(e.Bytes)), e.Aside)
	case Lost:
		v.note("record %d: %d records could not be written: %s", r.Seq, e.Count, e.Reason)
	}
}

func (v *verifier) problem(p Problem) {
	if len(v.verdict.Problems) == maxProblems {
		v.verdict.Omitted++
		return
	}
	v.verdict.Problems = append(v.verdict.Problems, p)
}

func (v *verifier) note(format string, args ...any) {
	if len(v.verdict.Notes) < maxNotes {
		v.verdict.Notes = append(v.verdict.Notes, fmt.Sprintf(format, args...))
	}
}

func bytesText(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
