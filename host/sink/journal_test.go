// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	killCommitVariable = "SINK_TEST_KILL_COMMIT"
	commitRun          = "0123456789abcdef"
)

// three are the targets of the tests, in two directories.
func three(dir string) []string {
	return []string{filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.jsonl"), filepath.Join(dir, "sub", "c.csv")}
}

// oldThree makes targets of which the last is not there.
func oldThree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range three(dir)[:2] {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// commitThree commits new versions of all targets, or puts the old ones back. Each
// step asks fail.
func commitThree(t testing.TB, dir string, fail func(string) error) error {
	j := OpenJournal(filepath.Join(dir, "journal"))
	j.fail = fail
	var sinks []*Sink
	for _, path := range three(dir) {
		spec := Spec{Path: path, Format: strings.TrimPrefix(filepath.Ext(path), "."), fail: fail}
		batch := batchOf(t, everything, rowsJSON)
		s, err := Create(t.Context(), spec, batch.Schema(), nil)
		if err != nil {
			return err
		}
		defer s.Abort()
		if err := errors.Join(s.Write(batch), s.Prepare()); err != nil {
			return err
		}
		sinks = append(sinks, s)
	}
	together, err := j.Begin(commitRun, sinks...)
	if err != nil {
		return err
	}
	for _, s := range sinks {
		if _, err := s.Commit(); err != nil {
			return errors.Join(err, together.Undo())
		}
	}
	return together.End()
}

// versions says of each target whether it is old or new, and fails for one that is
// neither.
func versions(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	for _, path := range three(dir) {
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, os.ErrNotExist) && path == three(dir)[2], string(data) == "old":
			out = append(out, "old")
		case err == nil && strings.HasSuffix(string(data), "\n") && len(data) > 100:
			out = append(out, "new")
		default:
			t.Fatalf("%s holds %q, %v", path, data, err)
		}
	}
	return strings.Join(out, " ")
}

// nothingLeft wants the targets alone, and an empty journal.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	for _, where := range []string{dir, filepath.Join(dir, "sub"), filepath.Join(dir, "journal")} {
		entries, err := os.ReadDir(where)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if name := e.Name(); strings.Contains(name, keptMark) || strings.Contains(name, backupMark) || strings.HasSuffix(name, noteSuffix) {
				t.Errorf("%s is left", name)
			}
		}
	}
}

func recovered(t *testing.T, dir string) []Recovered {
	t.Helper()
	out, err := OpenJournal(filepath.Join(dir, "journal")).Recover()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// errBroken is the error of the steps that fail.
var errBroken = errors.New("broken")

// failsAt is a failpoint that fails a step, counted from 0, and notes all of them.
func failsAt(at int, steps *[]string) func(string) error {
	return func(step string) error {
		*steps = append(*steps, step)
		if len(*steps) == at+1 {
			return errBroken
		}
		return nil
	}
}

// TestKilledCommits kills a process before each step of a commit of three files:
// after the recovery all of them are old, or all are new.
func TestKilledCommits(t *testing.T) {
	if text := os.Getenv(killCommitVariable); text != "" {
		killedCommit(t, text)
		return
	}
	seen := killEach(t, -1)
	if seen["torn"] == 0 || seen["old old old"] == 0 || seen["new new new"] == 0 {
		t.Errorf("the ends were %v: none was between two renames", seen)
	}
}

// TestKilledUndo kills a process before each step of a commit whose last rename fails.
func TestKilledUndo(t *testing.T) {
	var steps []string
	if err := commitThree(t, oldThree(t), failsAt(-1, &steps)); err != nil {
		t.Fatal(err)
	}
	last := 0
	for i, step := range steps {
		if step == "rename" {
			last = i
		}
	}
	if seen := killEach(t, last); seen["torn"] == 0 || seen["old old old"] == 0 {
		t.Errorf("the ends were %v", seen)
	}
}

// killEach kills a process before each step of a commit in which one fails, and counts
// what there was: torn for a mixture, and the versions after the recovery.
func killEach(t *testing.T, fails int) map[string]int {
	t.Helper()
	var steps []string
	dir, want := oldThree(t), "new new new"
	if fails >= 0 {
		want = "old old old"
	}
	if err := commitThree(t, dir, failsAt(fails, &steps)); errors.Is(err, errBroken) != (fails >= 0) || versions(t, dir) != want {
		t.Fatalf("%s, %v", versions(t, dir), err)
	}
	nothingLeft(t, dir)
	seen := map[string]int{}
	for at, step := range steps {
		dir := oldThree(t)
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledCommits$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %s", killCommitVariable, at, fails, dir))
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.Success() || strings.Contains(string(out), "survived") {
			t.Fatalf("%s: the process did not die: %v, %s", step, err, out)
		}
		before := versions(t, dir)
		done := recovered(t, dir)
		after := versions(t, dir)
		if after != "old old old" && after != "new new new" {
			t.Errorf("%d, %s: %s, and %s after the recovery %+v", at, step, before, after, done)
		}
		if before != "old old old" && before != "new new new" {
			seen["torn"]++
		}
		seen[after]++
		nothingLeft(t, dir)
		if again := recovered(t, dir); len(again) > 0 {
			t.Errorf("%d, %s: recovered twice: %+v", at, step, again)
		}
	}
	return seen
}

func killedCommit(t *testing.T, text string) {
	var at, fails int
	var dir string
	if _, err := fmt.Sscan(text, &at, &fails, &dir); err != nil {
		t.Fatal(err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	broken := failsAt(fails, &steps)
	err = commitThree(t, dir, func(step string) error {
		if len(steps) == at {
			_ = self.Kill() // it does not return
			select {}
		}
		return broken(step)
	})
	t.Fatalf("survived: %v", err)
}

// torn leaves what a process does that dies after the first of three renames.
func torn(t *testing.T) string {
	t.Helper()
	dir := oldThree(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledCommits$")
	steps := 0
	other := oldThree(t)
	first := -1
	if err := commitThree(t, other, func(step string) error {
		if step == "rename" && first < 0 {
			first = steps
		}
		steps++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d -1 %s", killCommitVariable, first+1, dir))
	_ = cmd.Run() // it dies
	if got := versions(t, dir); got != "new old old" {
		t.Fatalf("the process left %s", got)
	}
	return dir
}

// TestRecoverLeavesWhatOthersWrote: a file that was changed since stays.
func TestRecoverLeavesWhatOthersWrote(t *testing.T) {
	dir := torn(t)
	mine := three(dir)[1]
	if err := os.WriteFile(mine, []byte("mine, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	var runs []string
	j := OpenJournal(filepath.Join(dir, "journal"))
	j.Committed = func(run string) error { runs = append(runs, run); return nil }
	got, err := j.Recover()
	if err != nil || len(got) != 1 || fmt.Sprint(got[0].Left) != fmt.Sprint([]string{mine}) || fmt.Sprint(got[0].Placed) != fmt.Sprint(three(dir)[2:]) {
		t.Errorf("recovered %+v, %v", got, err)
	}
	if fmt.Sprint(runs) != fmt.Sprint([]string{commitRun}) {
		t.Errorf("told of the runs %q", runs)
	}
	if data, _ := os.ReadFile(mine); string(data) != "mine, and longer" {
		t.Errorf("%s holds %q", mine, data)
	}
	nothingLeft(t, dir)
}

// TestNextSinkSparesPromisedDrafts: a sink of the same file that comes before the
// recovery does not sweep what was promised.
func TestNextSinkSparesPromisedDrafts(t *testing.T) {
	dir := torn(t)
	batch := batchOf(t, everything, rowsJSON)
	s, err := Create(t.Context(), Spec{Path: three(dir)[2]}, batch.Schema(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Abort()
	if recovered(t, dir); versions(t, dir) != "new new new" {
		t.Errorf("%s after the recovery", versions(t, dir))
	}
}

// TestBeginRecoversFirst: a commit finds the note of a dead one under the lock.
func TestBeginRecoversFirst(t *testing.T) {
	dir := torn(t)
	together, err := OpenJournal(filepath.Join(dir, "journal")).Begin("another")
	if err != nil {
		t.Fatal(err)
	}
	if got := versions(t, dir); got != "new new new" {
		t.Errorf("%s", got)
	}
	if got, err := OpenJournal(filepath.Join(dir, "journal")).Recover(); err != nil || got != nil {
		t.Errorf("while another commits: %v, %v", got, err)
	}
	if err := together.End(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, dir)
}

// TestFailedStepsOfACommit: after an error instead of a death all files are old or all
// are new, before anybody has recovered anything.
func TestFailedStepsOfACommit(t *testing.T) {
	var all []string
	if err := commitThree(t, oldThree(t), failsAt(-1, &all)); err != nil {
		t.Fatal(err)
	}
	for at, step := range all {
		dir := oldThree(t)
		var steps []string
		if err := commitThree(t, dir, failsAt(at, &steps)); !errors.Is(err, errBroken) {
			t.Errorf("%d, %s: %v", at, step, err)
		}
		if got := versions(t, dir); got != "old old old" && got != "new new new" {
			t.Errorf("%d, %s: %s", at, step, got)
		}
		recovered(t, dir)
		nothingLeft(t, dir)
	}
}

// TestUndoLeavesWhatOthersWrote in the place of a file of the commit, and says which
// file cannot be put back.
func TestUndoLeavesWhatOthersWrote(t *testing.T) {
	dir := oldThree(t)
	places := three(dir)
	renames := 0
	err := commitThree(t, dir, func(step string) error {
		if step != "rename" {
			return nil
		}
		if renames++; renames < 3 {
			return nil
		}
		if err := os.WriteFile(places[0], []byte("mine, and longer"), 0o600); err != nil {
			t.Fatal(err)
		}
		backups, err := filepath.Glob(filepath.Join(dir, ".b.jsonl"+backupMark+"*"))
		if err != nil || len(backups) != 1 {
			t.Fatalf("%q, %v", backups, err)
		}
		return errors.Join(errBroken, os.Remove(backups[0]))
	})
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), places[1]+" cannot be put back") {
		t.Errorf("error %v", err)
	}
	if data, _ := os.ReadFile(places[0]); string(data) != "mine, and longer" {
		t.Errorf("%s holds %q", places[0], data)
	}
}

// TestDamagedNotes move nothing.
func TestDamagedNotes(t *testing.T) {
	dir := torn(t)
	name := filepath.Join(dir, "journal", commitRun+noteSuffix)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*note){
		"another version": func(n *note) { n.Version = 2 }, "no phase": func(n *note) { n.Phase = "x" }, "no run": func(n *note) { n.Run = "../x" },
		"a file elsewhere": func(n *note) { n.Files[0].Kept = "/etc/passwd" }, "no draft": func(n *note) { n.Files[0].Draft = n.Files[0].Target },
		"no absolute path": func(n *note) { n.Files[0].Target = "a.csv" }, "no backup": func(n *note) { n.Files[0].Backup = "" },
	} {
		var n note
		if err := json.Unmarshal(good, &n); err != nil {
			t.Fatal(err)
		}
		change(&n)
		data, err := n.encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := OpenJournal(filepath.Dir(name)).Recover(); err == nil || len(got) > 0 {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	if got := versions(t, dir); got != "new old old" {
		t.Errorf("%s", got)
	}
}

// FuzzNote: what is no note of a commit is refused, and one that is read names
// nothing but drafts beside their targets.
func FuzzNote(f *testing.F) {
	f.Add([]byte(`{"version":1,"run":"a","phase":"undo","files":[{"draft":"/d/.x.new-ABCDEFGHIJKL","kept":"/d/.x.commit-ABCDEFGHIJKL","backup":"/d/.x.old-ABCDEFGHIJKL","target":"/d/x"}]}`))
	f.Add([]byte(`{"version":1,"run":"a","phase":"prepare"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := decodeNote(data)
		if err != nil {
			return
		}
		for _, m := range n.Files {
			dir := filepath.Dir(m.Target)
			if filepath.Dir(m.Kept) != dir || filepath.Dir(m.Draft) != dir || filepath.Dir(m.Backup) != dir || !strings.Contains(m.Kept, keptMark) || !strings.Contains(m.Backup, backupMark) || m.Kept == m.Target {
				t.Fatalf("%s gives %+v", data, m)
			}
		}
	})
}
