// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"fmt"
	"strings"
)

// Words says in one phrase what happened, beginning with the plugin:
// "gpu launched: full, sha256:5c7be21f..., pid 812". Text of a plugin can stand in
// it; whoever prints it cleans it first.
func (r Record) Words() string {
	e, err := r.Event()
	teller, ok := e.(interface{ words() string })
	if err != nil || !ok {
		return strings.TrimSpace(r.Plugin + " " + string(r.Kind))
	}
	return strings.TrimSpace(r.Plugin + " " + teller.words())
}

// short is a digest for the eye.
func short(digest string) string {
	if !isDigest(digest) {
		return cmp.Or(digest, "no digest")
	}
	return digest[:len(digestPrefix)+8] + "..."
}

// joined is a list for the eye.
func joined(items []string, none string) string {
	return cmp.Or(strings.Join(items, ", "), none)
}

func (e Install) words() string {
	return fmt.Sprintf("installed: version %s from %s, %s", cmp.Or(e.Version, "unknown"), cmp.Or(e.Origin, "an unknown place"), short(e.Digest))
}

func (e Switch) words() string {
	text := fmt.Sprintf("plugins changed (%s): %s", cmp.Or(e.Why, "nobody said why"), joined(e.Changes, "nothing"))
	if e.Generation > 0 {
		text += fmt.Sprintf("; generation %d of %s", e.Generation, e.Lock)
	}
	return text
}

func (e Grant) words() string {
	text := fmt.Sprintf("granted by %s: %s", cmp.Or(e.By, "nobody"), joined(e.Grants, "nothing"))
	if len(e.Narrowed) > 0 {
		text += "; taken away: " + joined(e.Narrowed, "")
	}
	return text
}

func (e Launch) words() string {
	level := cmp.Or(e.Level, "no level")
	if !e.Verified {
		level += " (not verified)"
	}
	text := fmt.Sprintf("launched: %s, %s, pid %d", level, short(e.Digest), e.PID)
	if len(e.Fallen) > 0 {
		text += ", without " + joined(e.Fallen, "")
	}
	return text
}

func (e Call) words() string {
	what := strings.Trim(e.Kernel+"."+e.Method, ".")
	return fmt.Sprintf("called: %s, %d rows in, %d out, %.1f ms, %s", what, e.RowsIn, e.RowsOut, e.DurationMS, cmp.Or(e.Outcome, "no outcome"))
}

func (e Denial) words() string {
	text := fmt.Sprintf("denied: %s", e.What)
	if e.Count != 1 {
		text += fmt.Sprintf(", %d times", e.Count)
	}
	if e.Grant != "" {
		text += fmt.Sprintf("; the grant %q would allow it", e.Grant)
	}
	return text
}

func (e Death) words() string {
	text := "died: " + cmp.Or(e.Cause, "for an unknown reason")
	if e.Cause == "closed" {
		return "ended: closed by the host" // nothing went wrong
	}
	switch {
	case e.Signal != "":
		text += ", " + e.Signal
	case e.ExitCode > 0:
		text += fmt.Sprintf(", exit code %d", e.ExitCode)
	}
	if e.PeakBytes > 0 {
		text += fmt.Sprintf(", peak %.0f MiB", float64(e.PeakBytes)/(1<<20))
	}
	if detail, _, _ := strings.Cut(strings.TrimSpace(e.Detail), "\n"); detail != "" {
		text += "; " + cutString(detail, 200)
	}
	return text
}

func (e Rotation) words() string { return "the log began a new file: " + e.Reason }

func (e Repair) words() string {
	return fmt.Sprintf("the log was repaired: a torn line of %s is in %s now", bytesText(int(e.Bytes)), e.Aside)
}

func (e Damage) words() string {
	return fmt.Sprintf("the log was found damaged: %s: %s", e.File, e.What)
}

func (e Lost) words() string {
	return fmt.Sprintf("the log lost %d records: %s", e.Count, e.Reason)
}
