// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needRuntime skips a test where runc is not installed or not wanted.
func needRuntime(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("containers take time")
	}
	for _, name := range []string{"runc", "/usr/sbin/runc", "/usr/local/sbin/runc"} {
		if _, err := exec.LookPath(name); err == nil {
			return
		}
	}
	t.Skip("runc is not installed here")
}

// A specification means the same in a container as behind the host's own walls.
func TestContainer(t *testing.T) {
	needRuntime(t)
	files := writeTree(t, map[string]string{"granted": "granted", "elsewhere": "no"})
	granted := filepath.Join(files, "granted")
	s, report := lookVerified(t, "read:/target"+granted+",read:/target"+filepath.Join(files, "elsewhere")+",read:/run/secrets/token,read:/etc/passwd,write:/tmp/x,write:/x,dial:127.0.0.1:1,mount:", func(spec *Spec) {
		spec.Runtime = "runc"
		spec.Binds = []Bind{{Source: granted}, {Source: filepath.Join(files, "absent"), Optional: true}}
		spec.Secrets = []Secret{{"token", "s3cret"}}
		spec.SecretsEnv, spec.SocketEnv = "SECRETS", "SOCKETS"
	})
	for _, want := range []string{"TARGET=/target", "SECRETS=/run/secrets", "SOCKETS=/run/p", "HOME=/tmp", "TMPDIR=/tmp"} {
		if !slices.Contains(s.Env, want) {
			t.Errorf("environment %q lacks %s", s.Env, want)
		}
	}
	for attempt, answer := range s.Results {
		allowed := strings.HasSuffix(attempt, "/granted") || strings.HasSuffix(attempt, "token") || attempt == "write:/tmp/x"
		if strings.HasPrefix(answer, "ok") != allowed {
			t.Errorf("%s: %q", attempt, answer)
		}
	}
	if s.PID != 1 || s.Dir != "/run/p" {
		t.Errorf("pid %d in %s", s.PID, s.Dir)
	}
	if report.Level != Container || !report.Verified || len(report.Skipped) != 1 {
		t.Errorf("report %+v", report)
	}
	if w, ok := report.Wall("container runtime"); !ok || !w.On || !strings.Contains(w.Detail, "runc") {
		t.Errorf("runtime wall %+v", w)
	}
}

// A required grant that is absent fails as at every level.
func TestContainerRequiredGrant(t *testing.T) {
	needRuntime(t)
	spec, _, finish := testSpec(t, "none")
	defer finish()
	spec.Runtime, spec.Binds = "runc", []Bind{{Source: "/nowhere/at/all"}}
	_, err := Launch(context.Background(), spec)
	var refused *BindError
	if !errors.As(err, &refused) || refused.Bind.Source != "/nowhere/at/all" {
		t.Errorf("got %v", err)
	}
}

// A killed container is gone, its uid free, and its end known.
func TestContainerKill(t *testing.T) {
	needRuntime(t)
	spec, _, finish := testSpec(t, "sleep")
	defer finish()
	spec.Runtime = "runc"
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if p.PID() <= 1 || p.SocketDir() != "/run/p" || p.DirFile() == nil {
		t.Errorf("pid %d, directory %q", p.PID(), p.SocketDir())
	}
	p.Kill()
	waitFor(t, p)
	if e := p.Exit(); e == nil || e.Signal != syscall.SIGKILL {
		t.Errorf("exit %+v", e)
	}
}

// There is no level below the runtime that was asked for.
func TestContainerDoesNotFall(t *testing.T) {
	spec, _, finish := testSpec(t, "none")
	defer finish()
	spec.Runtime, spec.Floor = "/no/such/runtime", None
	p, err := Launch(context.Background(), spec)
	var step *StepError
	if p != nil || !errors.As(err, &step) || step.Level != Container || !strings.Contains(err.Error(), "/no/such/runtime") {
		t.Errorf("got %v", err)
	}
	spec.Runtime, spec.PrivateDir = "runc", ""
	if _, err := Launch(context.Background(), spec); err == nil || !strings.Contains(err.Error(), "PrivateDir") {
		t.Errorf("got %v", err)
	}
}

// The host may connect to a socket of the container, and no other user may.
func TestContainerDirectory(t *testing.T) {
	needRuntime(t)
	spec, _, finish := testSpec(t, "sleep")
	defer finish()
	spec.Runtime = "runc"
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer waitFor(t, p)
	defer p.Kill()
	var st syscall.Stat_t
	if err := syscall.Stat(spec.PrivateDir, &st); err != nil || st.Mode&0o077 != 0 {
		t.Errorf("mode %o, %v", st.Mode, err)
	}
	if os.Geteuid() == 0 && (int(st.Uid) < firstUID || int(st.Uid) > lastUID) {
		t.Errorf("owner %d", st.Uid)
	}
	listener, err := net.Listen("unix", filepath.Join(spec.PrivateDir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	inside := "/proc/" + strconv.Itoa(p.PID()) + "/root/run/p/s"
	deadline := time.Now().Add(time.Minute)
	for _, err = os.Lstat(inside); err != nil && time.Now().Before(deadline); _, err = os.Lstat(inside) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("the directories differ: %v", err)
	}
}
