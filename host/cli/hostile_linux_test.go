// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Hostile plugins against the real host. Each of these lies of internal/hostile
// costs the host no more than a bounded amount of memory, processor and time,
// and nothing of what the other plugins say.

// What a lie may cost the host beyond what an honest plugin does.
const (
	extraMemory    = 64 << 20 // bytes at the peak
	extraProcessor = 2 * time.Second
)

// hostileConfig has one plugin, with a verb for the name of its file.
const hostileConfig = `
plugin "evil" {
  source = "./plugins/%s"
  grants = []
}
`

// hostileRun is what a host did.
type hostileRun struct {
	code           int
	stdout, stderr string
	took           time.Duration
	peak           int64         // bytes of the host's own memory
	cpu            time.Duration // the host's own
}

func (r hostileRun) words() string {
	return strings.Join(strings.Fields(r.stdout+" "+r.stderr), " ")
}

// hostileHome is a directory with a plugin, a machine and a table.
func hostileHome(t *testing.T, plugin string) (dir string, env []string) {
	t.Helper()
	build(t)
	dir = t.TempDir()
	tmp, err := os.MkdirTemp("", "bh") // short, because sockets live below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	if err := copyProgram(extra("hostile"), filepath.Join(dir, "plugins", plugin)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "machine/etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "machine/etc/os-release"), "ID=debian\n")
	write(t, filepath.Join(dir, "rows.csv"), "a,b\n1,2\n")
	write(t, filepath.Join(dir, "bulkhead.hcl"), fmt.Sprintf(hostileConfig, plugin))
	write(t, filepath.Join(dir, "run.hcl"), fmt.Sprintf(strings.Replace(sleeping, "./%s", "./plugins/%s", 1), plugin))
	return dir, []string{"HOME=" + dir, "TMPDIR=" + tmp, "PATH=" + os.Getenv("PATH")}
}

// measured runs the host and samples its memory and processor time, without
// those of its plugins.
func measured(t *testing.T, dir string, env []string, args ...string) hostileRun {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(bulkhead(), args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &stdout, &stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var r hostileRun
	for {
		r.sample(cmd.Process.Pid)
		select {
		case err := <-ended:
			if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
				t.Fatal(err)
			}
			r.code, r.took = cmd.ProcessState.ExitCode(), time.Since(begin)
			r.stdout, r.stderr = stdout.String(), stderr.String()
			return r
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// sample reads the peak of a process so far.
func (r *hostileRun) sample(pid int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if _, rest, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
		n, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
		r.peak = max(r.peak, n<<10)
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, rest, ok := bytes.Cut(stat, []byte(") ")); ok {
		fields := bytes.Fields(rest)
		user, _ := strconv.Atoi(string(fields[11]))
		system, _ := strconv.Atoi(string(fields[12]))
		r.cpu = max(r.cpu, time.Duration(user+system)*10*time.Millisecond)
	}
}

// lie is a behaviour of internal/hostile and what the user hears of it.
type lie struct {
	kind string
	code int
	says string // a regular expression over the words of all output
}

func TestHostileExplore(t *testing.T) {
	for _, kind := range strings.Fields(os.Getenv("LIES")) {
		dir, env := hostileHome(t, kind)
		args := strings.Fields(os.Getenv("LIE_ARGS"))
		r := measured(t, dir, env, args...)
		var d struct {
			Diagnostics []struct{ Summary, Detail, Plugin string }
			Findings []struct{ Code string }
			Skipped []struct{ Code, Reason string }
			Summary struct{ Checks_run int }
			Error string
		}
		out := ""
		if err := json.Unmarshal([]byte(r.stdout), &d); err != nil {
			out = r.stdout
		}
		for _, x := range d.Diagnostics {
			out += "\n\t- " + x.Plugin + ": " + x.Summary + ": " + x.Detail
		}
		for _, x := range d.Findings {
			if strings.HasPrefix(x.Code, "evil") || strings.HasPrefix(x.Code, "bulkhead.") {
				out += "\n\tF " + x.Code
				break
			}
		}
		a := measured(t, dir, env, "audit", "list", "--plugin", "evil", "--limit", "0")
		t.Logf("%-18s rc %d %5.2fs peak %d MiB cpu %v left %v run %d%.1500s\n\tstderr %.300s\n\taudit %.600s", kind, r.code, r.took.Seconds(), r.peak>>20, r.cpu, left(env), d.Summary.Checks_run, out, strings.Join(strings.Fields(r.stderr), " "), a.stdout)
	}
}

func left(env []string) []string {
	m, _ := filepath.Glob(strings.TrimPrefix(env[1], "TMPDIR=") + "/*/*")
	return m
}

var _ = regexp.MustCompile
