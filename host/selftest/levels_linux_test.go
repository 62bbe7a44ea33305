// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
)

// residues are what gets through in a report of a level below full.
// docs/sandbox.md lists them; whoever changes one changes both. What lies in the
// private directory is measured from time to time, so a bomb on a fast disk may
// be done before it is seen.
func (r *Report) residues(static bool) (always, maybe []string) {
	if r.Level != sandbox.WallsOnly {
		return nil, nil
	}
	always, maybe = []string{"map-grant", "see-outside", "abstract-listen"}, []string{"disk-bomb", "file-bomb", "hidden-disk-bomb"}
	// The threads of a uid that others have too are not counted. Those of the C
	// library fail at the limit of memory even so.
	if w, _ := r.Sandbox.Wall("identity"); !strings.HasSuffix(w.Detail, "of its own") && static {
		always = append(always, "thread-bomb")
	}
	return always, maybe
}

// static reports whether this binary, and so the attacker, is without the C
// library, as releases are.
func static() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "0"})
}

func TestResidues(t *testing.T) {
	for _, level := range []sandbox.Level{sandbox.Namespaced, sandbox.WallsOnly} {
		t.Run(level.String(), func(t *testing.T) {
			r := attackAt(t, Options{Floor: level, Ceiling: level})
			always, maybe := r.residues(static())
			wantHits(t, r, always, maybe)
		})
	}
}

// harmless are attacks that may well succeed: they change nothing but the scene.
var harmless = []string{
	"read-secret", "list-home", "write-outside", "change-public", "grant-escape", "grant-write", "link-scratch", "hardlink-scratch",
	"read-shadow", "proc-root", "host-exe", "chmod-public", "truncate-public", "rename-public", "utime-public", "map-grant", "mknod",
	"host-mounts", "tcp-connect", "tcp-listen", "udp-send", "dns", "unix-connect", "abstract-connect", "unix-datagram", "fast-open",
	"raw-socket", "packet-socket", "exec-shell", "exec-grant", "exec-self", "host-environ", "host-cmdline", "host-descriptors",
	"list-processes", "kill-victim", "tgkill-victim", "queue-victim", "pidfd-victim", "ptrace-victim", "read-victim", "write-victim",
	"limit-victim", "nice-victim", "affinity-victim", "outlive-host", "daemon", "vfork", "become-root", "raise-limits", "undo-filter",
	"new-mount-namespace", "new-network-namespace", "mount-api", "userfaultfd", "inotify", "system-v", "message-queue", "personality",
	"memory-file-exec", "descriptor-table", "sparse-file", "link-bomb", "list-mounts", "make-fifo",
	"watch-grant", "new-terminal", "peer-handle", "socket-program", "process-options", "release-memory", "deadline-scheduler",
	"disk-priority", "better-nice", "own-listener", "join-keyring", "core-pattern", "gift-pages",
}

// A program that keeps uid 0, because it was granted files of root's, is held by
// the same walls.
func TestUIDZeroHasNoPower(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can leave a program its uid")
	}
	r := attackAt(t, Options{Identity: sandbox.SameUID})
	if r.Level < sandbox.Full {
		t.Skipf("full cannot be reached here: %v", r.Sandbox.Fallen)
	}
	wantHits(t, r, nil, nil)
}

// A level without walls must be attacked with success, or the attacks prove
// nothing. Only those that harm no one are tried there.
func TestTheAttacksAreReal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("run as root, where there is most to lose")
	}
	r := attackAt(t, Options{Floor: sandbox.None, Ceiling: sandbox.None, Only: harmless})
	for _, a := range r.Attacks {
		if a.Contained {
			t.Errorf("%s fails even without a sandbox: %s", a.Name, a.Detail)
		}
	}
}

// sharedDir is a temporary directory that everybody may enter.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestAsUser runs the tests of the levels as an ordinary user.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	dir := sharedDir(t)
	binary := filepath.Join(dir, "selftest.test")
	copyFile(t, guest.Build(t, ""), binary)
	home := homeFor(t, dir, nobody)
	cmd := exec.Command(binary, "-test.v", "-test.run=^(TestTheBestLevelHoldsEverything|TestResidues)$")
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=/usr/bin:/bin", "ATTACKS=" + os.Getenv("ATTACKS")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "--- SKIP") {
		t.Errorf("%v\n%s", err, out)
	}
}

const nobody = 65534

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

func TestProbe(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	levels, err := Probe(context.Background(), exe)
	// On a busy machine the program may have ended before the host looked at it.
	for range 20 {
		if err != nil || !slices.ContainsFunc(levels, unseen) {
			break
		}
		levels, err = Probe(context.Background(), exe)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(levels) != len(sandbox.Levels()) {
		t.Errorf("%d levels", len(levels))
	}
	for _, l := range levels {
		if l.Reached != (l.Reason == "") || l.Reached && l.Sandbox.Level != l.Level {
			t.Errorf("%+v", l)
		}
		if unseen(l) {
			t.Errorf("%s was not verified", l.Level)
		}
	}
}

// unseen reports whether a level stands that could not be verified.
func unseen(l Standing) bool {
	return l.Reached && l.Level > sandbox.None && !l.Sandbox.Verified
}
