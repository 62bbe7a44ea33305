// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sight is what was seen of a program from outside.
type sight struct {
	Complete   bool     // everything was looked at
	Gone       bool     // the program had ended already
	Namespaces []string // those that differ from the host's
	Hidden     string   // what this host may not look at
}

// needed are the namespaces without which a container is none.
var needed = []string{"mnt", "pid", "net", "ipc", "uts"}

// lookTime bounds the wait for a program that was started to get its walls: the
// runtime builds the last of them just before it executes the program.
const lookTime = 5 * time.Second

// inspect looks at a program that was started. Spaces are its namespaces where
// they were seen before. It is an error when a wall is missing. A program that
// ended and was not collected still shows what it had.
func inspect(pid int, p *plan, spaces []string) (sight, error) {
	if p.Gvisor {
		return sight{Hidden: "gVisor runs the program on a kernel of its own"}, nil
	}
	wrong := ""
	for deadline := time.Now().Add(lookTime); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return sight{Gone: true}, nil
		}
		if wrong = misfit(parseStatus(string(text)), p); wrong == "" {
			return inspectNamespaces(pid, spaces)
		}
		if over(pid) {
			return sight{Gone: true}, nil
		}
	}
	return sight{}, errors.New(wrong)
}

func inspectNamespaces(pid int, seen []string) (sight, error) {
	if len(seen) > 0 {
		return sight{Complete: true, Namespaces: seen}, nil
	}
	seen, err := namespacesOf(pid)
	switch {
	case errors.Is(err, os.ErrPermission):
		return sight{Hidden: "the namespaces of another user's process"}, nil
	case errors.Is(err, os.ErrNotExist):
		return sight{Gone: true}, nil
	}
	return sight{Complete: err == nil, Namespaces: seen}, err
}

// misfit says which field of /proc/PID/status is not what it must be.
func misfit(fields map[string]string, p *plan) string {
	uid := strings.TrimSpace(strings.Repeat(strconv.Itoa(p.UID)+" ", 4))
	want := map[string]string{"NoNewPrivs": "1", "Uid": uid}
	if p.Seccomp {
		want["Seccomp"] = "2"
	}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		want[set] = "0000000000000000"
	}
	for name, value := range want {
		if fields[name] != value {
			return fmt.Sprintf("the program has %s %q where %q was asked for", name, fields[name], value)
		}
	}
	return ""
}

func parseStatus(text string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
	}
	return fields
}

// namespacesOf lists the namespaces in which a process differs from the host. It
// is an error when it shares one that a container needs for itself.
func namespacesOf(pid int) (out []string, err error) {
	for _, name := range append([]string{"user", "cgroup"}, needed...) {
		ours, err := os.Readlink("/proc/self/ns/" + name)
		if err != nil {
			return nil, err
		}
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		switch {
		case err != nil:
			return nil, err
		case ours != theirs:
			out = append(out, name)
		case slices.Contains(needed, name):
			return nil, fmt.Errorf("the program is in the host's %s namespace", name)
		}
	}
	return out, nil
}
