// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// oci drives a runtime with the command line of runc.
type oci struct {
	plan    *plan
	files   []*os.File
	version string
	pid     int
	handle  int // pidfd of pid, by which no other process is ever hit
	group   memoryGroup
}

// flags come before the command: where the state of this one container is.
func (o *oci) flags() []string {
	out := []string{"--root", filepath.Join(o.plan.Dir, stateName), "--log", o.log(), "--log-format", "json"}
	if o.plan.Gvisor {
		out = append(out, "--network=none", "--host-uds=create", "--ignore-cgroups="+strconv.FormatBool(!o.plan.Groups))
	}
	if !o.plan.Groups && filepath.Base(o.plan.Engine) == "crun" {
		out = append(out, "--cgroup-manager=disabled") // it makes them for every container otherwise
	}
	return out
}

func (o *oci) log() string { return filepath.Join(o.plan.Dir, "log") }

// command runs the runtime. Its words are in the log.
func (o *oci) command(ctx context.Context, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.plan.Engine, append(o.flags(), arguments...)...)
	cmd.Dir = o.plan.Dir
	return cmd
}

// create makes the container. Where a control group cannot be had it is made
// without one, and the report says so.
func (o *oci) create(ctx context.Context) (int, error) {
	o.version = o.askVersion(ctx)
	err := o.createOnce(ctx)
	if err == nil || !o.plan.Groups || !strings.Contains(err.Error(), "cgroup") {
		return o.pid, err
	}
	_ = o.delete()
	o.plan.Groups = false
	_ = os.Remove(o.log())
	if err := os.WriteFile(filepath.Join(o.plan.Dir, "config.json"), o.plan.PlainSpec, 0o600); err != nil {
		return 0, err
	}
	err = o.createOnce(ctx)
	return o.pid, err
}

func (o *oci) createOnce(ctx context.Context) error {
	pidFile := filepath.Join(o.plan.Dir, "pid")
	arguments := []string{"create", "--bundle", o.plan.Dir, "--pid-file", pidFile}
	if len(o.files) > 0 {
		arguments = append(arguments, "--preserve-fds", strconv.Itoa(len(o.files)))
	}
	cmd := o.command(ctx, append(arguments, o.plan.Name)...)
	// The program inherits its streams from this command.
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, o.files
	if err := cmd.Run(); err != nil {
		return o.explain(err)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return err
	}
	o.pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	o.group = memoryGroupOf(o.pid)
	o.handle, err = unix.PidfdOpen(o.pid, 0)
	return os.NewSyscallError("pidfd_open", err)
}

func (o *oci) start(ctx context.Context) (*started, error) {
	if err := o.command(ctx, "start", o.plan.Name).Run(); err != nil {
		return nil, o.explain(err)
	}
	s := &started{PID: o.pid, Runtime: o.version}
	if o.plan.Groups {
		s.Groups = controllers
	}
	return s, nil
}

// controllers are those that a control group of ours uses.
var controllers = []string{"memory", "pids", "cpu"}

// askVersion returns the first line that the runtime says about itself.
func (o *oci) askVersion(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, o.plan.Engine, "--version").Output()
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if err != nil || len(line) == 0 || len(line) > 100 {
		return filepath.Base(o.plan.Engine)
	}
	return string(line)
}

// wait collects the program as its parent. A runtime that keeps the program to
// itself leaves only its end to be seen.
func (o *oci) wait() (*Exit, error) {
	var status unix.WaitStatus
	var usage unix.Rusage
	_, err := unix.Wait4(o.pid, &status, 0, &usage)
	for err == unix.EINTR {
		_, err = unix.Wait4(o.pid, &status, 0, &usage)
	}
	if err != nil {
		return &Exit{Code: -1}, o.awaitEnd()
	}
	e := &Exit{
		Code: status.ExitStatus(), PeakBytes: uint64(usage.Maxrss) << 10,
		CPU: time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
	}
	if status.Signaled() {
		e.Signal = status.Signal()
	}
	o.group.addTo(e)
	return e, nil
}

// awaitEnd returns when a process that is not our child has ended.
func (o *oci) awaitEnd() error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(o.handle), Events: unix.POLLIN}}, -1)
		if n > 0 || err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
	}
}

// kill ends the program, which is the first process of its namespace, and with
// it all others.
func (o *oci) kill() { _ = unix.PidfdSendSignal(o.handle, unix.SIGKILL, nil, 0) }

// remove deletes what the runtime still knows of the container.
func (o *oci) remove() error {
	if _, err := os.Stat(filepath.Join(o.plan.Dir, stateName, o.plan.Name)); err != nil {
		return nil
	}
	return o.delete()
}

func (o *oci) delete() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := o.command(ctx, "delete", "--force", o.plan.Name).Run(); err != nil {
		return o.explain(err)
	}
	return nil
}

// explain finds the runtime's own words about a failure: the last error in its log.
func (o *oci) explain(err error) error {
	text, _ := os.ReadFile(o.log())
	if reason := lastError(text); reason != "" {
		return fmt.Errorf("%s (%w)", reason, err)
	}
	return err
}

// lastError is the message of the last error in a log of JSON lines, clipped.
func lastError(log []byte) (reason string) {
	const longest = 1000
	for line := range bytes.Lines(log) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg != "" && entry.Level != "info" && entry.Level != "debug" {
			reason = entry.Msg
		}
	}
	if len(reason) > longest {
		reason = reason[:longest]
	}
	return strings.ToValidUTF8(reason, "?")
}
