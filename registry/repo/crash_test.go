// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// Variables of the process that changes a registry and is killed.
const (
	crashDir    = "BULKHEAD_TEST_CRASH_DIR"
	crashStep   = "BULKHEAD_TEST_CRASH_STEP"
	crashChange = "BULKHEAD_TEST_CRASH_CHANGE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crash(dir); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crash changes the registry in a directory and dies before a step of a write.
func crash(dir string) error {
	left, err := strconv.Atoi(os.Getenv(crashStep))
	if err != nil {
		return err
	}
	r := &registry{t: &testing.T{}, dir: dir, keys: map[string]*keys.Key{}, now: start}
	r.store, err = files.OpenStore(filepath.Join(dir, "registry"), files.Options{Fail: func(string) error {
		if left--; left < 0 {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {}
		}
		return nil
	}})
	if err != nil {
		return err
	}
	return changes[os.Getenv(crashChange)].make(r, filepath.Join(dir, "submission"))
}

// everyone has all keys, those of roles that get new ones, too.
func (r *registry) everyone() *repo.Repo {
	return r.with("root", "root2", "targets", "snapshot", "timestamp", "log", "new")
}

// change is one that must be made whole or not at all.
type change struct {
	make     func(r *registry, submission string) error
	old, new string // what a client sees before and after
}

func rotation(role string) change {
	return change{old: "1.0.0", new: "1.0.0", make: func(r *registry, _ string) error {
		threshold, names := 1, []string{"new"}
		if role == "root" {
			threshold, names = 2, []string{"root", "new"}
		}
		return r.everyone().Rotate(context.Background(), role, r.role(threshold, names...))
	}}
}

var changes = map[string]change{
	"publish": {old: "1.0.0", new: "(1.0.0) 1.1.0", make: func(r *registry, submission string) error {
		sub, err := repo.ReadSubmission(submission)
		if err != nil {
			return err
		}
		_, err = r.online().Publish(context.Background(), sub)
		return err
	}},
	"revoke": {old: "1.0.0", new: "", make: func(r *registry, _ string) error {
		err := r.everyone().RevokePublisher(context.Background(), "acme")
		if errors.Is(err, repo.ErrNoPublisher) {
			return nil // it was done before
		}
		return err
	}},
	"rotate log": {old: "1.0.0", new: "1.0.0", make: func(r *registry, _ string) error {
		_, err := r.everyone().RotateLog(context.Background(), r.key("new").Public())
		if err != nil && strings.Contains(err.Error(), "cannot become its new one") {
			return nil // it was done before
		}
		return err
	}},
	"expiry": {old: "1.0.0", new: "1.0.0", make: func(r *registry, _ string) error {
		return r.everyone().SetExpiry(context.Background(), policy.Expiry{Timestamp: 48 * time.Hour})
	}},
	"rotate timestamp": rotation("timestamp"), "rotate snapshot": rotation("snapshot"), "rotate targets": rotation("targets"), "rotate root": rotation("root"),
}

// beforeChange is a registry with one version, and a submission of the next one.
func beforeChange(t *testing.T) (*registry, *repo.Submission) {
	t.Helper()
	base := newRegistry(t)
	base.publish("1.0.0")
	s := base.signing("1.1.0")
	s.Yanks = []repo.Yank{{ID: scaler, Version: "1.0.0", Reason: "old"}}
	sub, err := repo.Sign(s)
	must(t, err)
	return base, sub
}

// TestCrashAtEveryStep kills a process that changes a registry before each step of
// each file that it writes. A client sees the registry before or after, an audit
// finds no fault, and the change can be made again.
func TestCrashAtEveryStep(t *testing.T) {
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, sub := beforeChange(t)
			step, stride := 0, 1
			if testing.Short() {
				stride = 7
			}
			for crashAt(t, base, sub, name, c, step) {
				step += stride
			}
			if step < 5 {
				t.Errorf("there were only %d steps", step)
			}
		})
	}
}

func crashAt(t *testing.T, base *registry, sub *repo.Submission, name string, c change, step int) (killed bool) {
	t.Helper()
	dir, state := t.TempDir(), t.TempDir()
	r := &registry{t: t, dir: filepath.Join(dir, "registry"), keys: base.keys, created: base.created, now: start}
	must(t, os.CopyFS(r.dir, os.DirFS(base.dir)))
	r.open(files.Options{})
	must(t, sub.Save(filepath.Join(dir, "submission")))
	r.sees(state, c.old)

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashStep+"="+strconv.Itoa(step), crashChange+"="+name)
	out, err := cmd.CombinedOutput()
	killed = err != nil
	if killed && cmd.ProcessState.ExitCode() == 1 {
		t.Fatalf("step %d: %v\n%s", step, err, out)
	}
	for _, state := range []string{state, t.TempDir()} {
		if got, err := r.seen(state); got != c.old && got != c.new || err != nil {
			t.Errorf("step %d: a client sees %q, %v; want %q or %q", step, got, err, c.old, c.new)
		}
	}
	if report := r.verify(); !report.Sound() {
		t.Errorf("step %d: %+v", step, report.Problems)
	}
	if err := c.make(r, filepath.Join(dir, "submission")); err != nil {
		t.Errorf("step %d: making the change again: %v", step, err)
	}
	r.sees(state, c.new)
	if report := r.verify(); !report.Sound() {
		t.Errorf("step %d, made again: %+v", step, report.Problems)
	}
	return killed
}

// TestInitAfterACrash kills the making of a registry at each step.
func TestInitAfterACrash(t *testing.T) {
	stop := errors.New("stop")
	for step := 0; ; step++ {
		r := &registry{t: t, dir: t.TempDir(), keys: map[string]*keys.Key{}, now: start}
		left := step
		r.open(files.Options{Fail: func(string) error {
			if left--; left < 0 {
				return stop
			}
			return nil
		}})
		_, err := repo.Init(context.Background(), r.store, r.initOptions())
		if err == nil {
			break
		}
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		r.open(files.Options{})
		if r.created, err = repo.Init(context.Background(), r.store, r.initOptions()); errors.Is(err, repo.ErrExist) {
			continue // only the directory was not synced
		}
		must(t, err)
		r.sound(0)
	}
}
