// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io/fs"
)

// judgeHead holds the head against the end of the log.
func (v *verifier) judgeHead() {
	h := v.head
	switch {
	case errors.Is(v.headErr, fs.ErrNotExist):
		if len(v.snapshot.files) > 0 {
			v.headProblem(0, "the file is missing", "it was deleted; records may have been cut off at the end of the log")
		}
	case v.headErr != nil:
		v.headProblem(0, "the file cannot be read: "+v.headErr.Error(), "it was edited; records may have been cut off at the end of the log")
	case h.Seq > v.seq:
		v.headProblem(h.Seq, missingRecords(v.seq+1, h.Seq)+" at the end of the log", "the end was cut off, or an older copy of the log was put back")
	case h.Seq > 0 && !v.atHead:
		v.headProblem(h.Seq, fmt.Sprintf("record %d in the log is not the one that was written last", h.Seq), "the record or head.json was replaced")
	case h.Seq < v.seq:
		v.note("%s after the last that head.json knows: a host is running, or was stopped before it wrote head.json", ahead(v.seq-h.Seq))
	}
}

func ahead(n uint64) string {
	if n == 1 {
		return "1 record stands"
	}
	return fmt.Sprintf("%d records stand", n)
}

func (v *verifier) headProblem(seq uint64, what, reason string) {
	v.problem(Problem{File: headName, Seq: seq, What: what, Reason: reason})
}

// anchors holds a record against the anchors that name its number.
func (v *verifier) anchors(r Record) {
	for i, a := range v.expect {
		if a.Seq != r.Seq {
			continue
		}
		v.found[i] = true
		if a.Hash != r.Hash {
			v.problem(Problem{
				File: r.File, Line: r.Line, Seq: r.Seq, What: fmt.Sprintf("record %d is not the one of the anchor %s", r.Seq, a),
				Reason: "the log was written anew from this record or an earlier one, or the anchor is of another log",
			})
		}
	}
}

// judgeAnchors finds anchors without a record.
func (v *verifier) judgeAnchors() {
	for i, a := range v.expect {
		if !v.found[i] {
			v.problem(Problem{
				File: headName, Seq: a.Seq, What: fmt.Sprintf("the log has no valid record %d, and the anchor %s says that it had", a.Seq, a),
				Reason: "the log was cut off, deleted or replaced by an older copy",
			})
		}
	}
}
