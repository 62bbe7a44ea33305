// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// The child is this binary, told by these variables where to find what, and at
// which step to die.
const (
	childEnv  = "BULKHEAD_TEST_UPGRADE" // places, as JSON
	killEnv   = "BULKHEAD_TEST_KILL"    // the number of the step, from 1
	hurryEnv  = "BULKHEAD_TEST_MEET"    // a file to wait for before the switch
	editEnv   = "BULKHEAD_TEST_EDIT"    // a file of the configuration to edit
	watchEnv  = "BULKHEAD_TEST_WATCH"   // how a run ends that a canary watches, instead of an upgrade
	stepMark  = "killed before:"        // begins what a child says before it dies
	diedOfIt  = 137
	childTime = 5 * time.Minute
)

// child upgrades the project to the newest version.
func child() int {
	var p places
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &p); err != nil {
		return fatal(err)
	}
	fail := killer()
	if how := os.Getenv(watchEnv); how != "" {
		return p.watch(how, fail)
	}
	i, err := p.installer()
	if err != nil {
		return fatal(err)
	}
	i.Store.Fail = fail
	i.Registries.Progress = func(e trust.Event) { _ = fail(fmt.Sprintf("progress %+v", e)) }
	m := machine(i)
	log, err := p.log()
	if err != nil {
		return fatal(err)
	}
	m.Audit = func() *audit.Log { return log }
	if file := os.Getenv(editEnv); file != "" {
		m.Edits = func(*installer.Plan) ([]Edit, error) { return []Edit{{file, []byte(before), []byte(after)}}, nil }
	}
	m.Fail = func(step string) error {
		if step == FailSwitch {
			meet()
		}
		return fail(step)
	}
	plan, err := plan(context.Background(), i, "~> 1.0")
	if err != nil {
		return fatal(err)
	}
	if _, err := m.Run(context.Background(), plan, "a child"); err != nil {
		return fatal(err)
	}
	return exitCode(log.Close())
}

func exitCode(err error) int {
	if err != nil {
		return fatal(err)
	}
	return 0
}

func fatal(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// killer ends this process for good before a step, as the system does when there
// is no memory left. With -1 it lists the steps.
func killer() func(string) error {
	at, _ := strconv.Atoi(os.Getenv(killEnv))
	var mu sync.Mutex
	n := 0
	return func(step string) error {
		mu.Lock()
		defer mu.Unlock()
		if at < 0 {
			fmt.Fprintln(os.Stderr, step)
		}
		if n++; n == at {
			fmt.Fprintln(os.Stderr, stepMark, step)
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill() // SIGKILL, where there are signals
			select {}
		}
		return nil
	}
}

// meet tells that this process is before its switch, and waits for the sign to go
// on.
func meet() {
	name := os.Getenv(hurryEnv)
	if name == "" {
		return
	}
	_ = os.WriteFile(name+"."+strconv.Itoa(os.Getpid()), nil, 0o600)
	for begin := time.Now(); time.Since(begin) < childTime; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
	}
}

// ended is how a child ended.
type ended struct {
	code   int // 137 when it was killed
	stderr string
}

func (l *lab) child(env ...string) *exec.Cmd {
	l.t.Helper()
	where, err := json.Marshal(l.places)
	must(l.t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"="+string(where)), env...)
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

func wait(t testing.TB, cmd *exec.Cmd) ended {
	t.Helper()
	timer := time.AfterFunc(childTime, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	out := ended{stderr: cmd.Stderr.(*bytes.Buffer).String()}
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		out.code = exit.ExitCode()
	}
	if strings.HasPrefix(out.stderr, stepMark) {
		out.code = diedOfIt
	}
	return out
}

func (l *lab) runChild(env ...string) ended {
	l.t.Helper()
	cmd := l.child(env...)
	must(l.t, cmd.Start())
	return wait(l.t, cmd)
}

// consistent wants the old version or the new one, whole, every generation to be
// readable, and the switch in the audit log if there was one.
func (l *lab) consistent(where string) (upgraded bool) {
	l.t.Helper()
	scope := l.scope()
	v := version(l.t, scope)
	if v != "1.0.0" && v != "1.1.0" {
		l.t.Errorf("%s: %q is locked", where, v)
	}
	l.whole()
	list, err := scope.Generations()
	must(l.t, err)
	for _, g := range list {
		if _, err := scope.Generation(g.Number); err != nil {
			l.t.Errorf("%s: generation %d: %v", where, g.Number, err)
		}
	}
	if on, err := OnProbation(scope); err != nil || (len(on) > 0) != (v == "1.1.0") {
		l.t.Errorf("%s: %s is locked, and %+v is on probation: %v", where, v, on, err)
	}
	l.recover(l.t, scope)
	if told := l.told(l.t); (len(told) > 0) != (v == "1.1.0") {
		l.t.Errorf("%s: %s is locked, and the audit log tells of %q", where, v, told)
	}
	return v == "1.1.0"
}

// recovers runs the upgrade again, collects, and wants all to be well.
func (l *lab) recovers(where string) {
	l.t.Helper()
	if out, err := l.upgrade("~> 1.0"); err != nil {
		l.t.Errorf("%s: the next upgrade: %v %v", where, out.steps(), err)
	}
	l.locks("1.1.0")
	store := install.Open(l.Store)
	if _, err := store.GC(l.t.Context(), 1, false); err != nil {
		l.t.Errorf("%s: %v", where, err)
	}
	l.locks("1.1.0")
	// The version before is what the probation may go back to.
	w, err := Begin(l.t.Context(), l.scope(), "run", []string{"acme/times"}, nil)
	must(l.t, err)
	if v, err := w.End(l.t.Context(), died); err != nil || len(v) == 0 || !v[0].RolledBack {
		l.t.Errorf("%s: going back: %+v, %v", where, v, err)
	}
	l.locks("1.0.0")
}

// TestKilledAtEveryStep kills an upgrade before each step of the machine, the store
// and the download.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills many processes")
	}
	var steps []string
	l := atOne(t, "other")
	l.freeze()
	for n := 1; n < 500; n++ {
		l.thaw()
		end := l.runChild(killEnv + "=" + strconv.Itoa(n))
		if end.code == 0 {
			l.recoversFrom(t, "nothing")
			break
		}
		if end.code != diedOfIt {
			t.Fatalf("step %d: exit code %d: %s", n, end.code, end.stderr)
		}
		step := strings.TrimSpace(end.stderr)
		steps = append(steps, step)
		l.consistent(step)
		l.recovers(fmt.Sprintf("killed at %d, %s", n, step))
		if t.Failed() {
			t.Fatalf("at step %d, %s", n, step)
		}
	}
	for _, want := range []string{FailProbation, FailSwitch, FailJournal, FailTell, FailForget, install.StepUnpack, install.StepStage, install.StepVerdict, install.StepPointer, install.StepDone} {
		if !slices.ContainsFunc(steps, func(s string) bool { return strings.HasSuffix(s, want) }) {
			t.Errorf("no child was killed at %q; they were at\n%s", want, strings.Join(steps, "\n"))
		}
	}
	t.Logf("%d steps", len(steps))
}

// freeze keeps a copy of everything, and thaw puts it back.
func (l *lab) freeze() { must(l.t, os.CopyFS(l.dir+".frozen", os.DirFS(l.dir))) }

func (l *lab) thaw() {
	l.t.Helper()
	must(l.t, archive.Remove(l.Store))
	must(l.t, os.RemoveAll(l.dir))
	must(l.t, os.CopyFS(l.dir, os.DirFS(l.dir+".frozen")))
}

// recoversFrom wants an upgrade that was not killed to have come through.
func (l *lab) recoversFrom(t *testing.T, where string) {
	t.Helper()
	if !l.consistent(where) {
		t.Error("the child has not upgraded")
	}
	l.recovers(where)
}

// TestKilledAtAnyTime kills where no step is told: in downloads, in the plugin's
// start, between two system calls.
func TestKilledAtAnyTime(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills many processes")
	}
	l := atOne(t, "other")
	l.freeze()
	begin := time.Now()
	if end := l.runChild(); end.code != 0 {
		t.Fatal(end.stderr)
	}
	whole := time.Since(begin)
	for n := range 8 {
		l.thaw()
		cmd := l.child()
		must(t, cmd.Start())
		time.Sleep(whole * time.Duration(2*n+1) / 16)
		_ = cmd.Process.Kill()
		wait(t, cmd)
		where := fmt.Sprintf("killed after %v of %v", whole*time.Duration(2*n+1)/16, whole)
		l.consistent(where)
		l.recovers(where)
	}
}

// TestTwoProcesses: of two upgrades that stand before their switches one comes
// through, and the other one is told why it does not.
func TestTwoProcesses(t *testing.T) {
	l := atOne(t, "other")
	sign := l.dir + "/go"
	one, two := l.child(hurryEnv+"="+sign), l.child(hurryEnv+"="+sign)
	must(t, one.Start())
	must(t, two.Start())
	for _, cmd := range []*exec.Cmd{one, two} {
		for begin := time.Now(); time.Since(begin) < childTime; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(sign + "." + strconv.Itoa(cmd.Process.Pid)); err == nil {
				break
			}
		}
	}
	must(t, os.WriteFile(sign, nil, 0o600))
	ends := []ended{wait(t, one), wait(t, two)}
	slices.SortFunc(ends, func(a, b ended) int { return a.code - b.code })
	if ends[0].code != 0 || ends[1].code != 1 || !strings.Contains(ends[1].stderr, "changed meanwhile, by another bulkhead") {
		t.Errorf("%+v", ends)
	}
	l.locks("1.1.0")
	l.recovers("two at once")
}
