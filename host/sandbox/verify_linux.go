// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// namespaceLinks are the entries of /proc/PID/ns that must differ from the host's.
var namespaceLinks = []struct {
	name string
	on   func(*wallSet) bool
}{
	{"user", func(w *wallSet) bool { return w.user }},
	{"mnt", func(w *wallSet) bool { return w.mount }},
	{"pid", func(w *wallSet) bool { return w.pid }},
	{"net", func(w *wallSet) bool { return w.net }},
	{"ipc", func(w *wallSet) bool { return w.ipc }},
	{"uts", func(w *wallSet) bool { return w.uts }},
	{"cgroup", func(w *wallSet) bool { return w.cgroupSpace }},
}

// verify looks at the running program from outside. It returns false without an
// error when the program is gone already and there is nothing to look at.
func (a *attempt) verify(pid int) (bool, error) {
	if a.level == None {
		return false, nil
	}
	err := a.verifyStatus(pid)
	if err == nil {
		err = verifyNamespaces(pid, &a.walls)
	}
	if injected != nil && injected.step == "verify" {
		err = injected.errno
	}
	if err == nil {
		return true, nil
	}
	// A process that ends loses its namespaces before it is seen to be dead.
	if errors.Is(err, os.ErrNotExist) || gone(pid) {
		return false, nil
	}
	return false, a.failed("verify", "", err)
}

// seccompDead is the mode of a program that its filter has killed already: the
// filter stood.
const seccompDead = "3"

// verifyStatus checks the credentials and the filter of the program.
func (a *attempt) verifyStatus(pid int) error {
	fields, err := statusFields(pid)
	if err != nil {
		return err
	}
	for name, value := range a.expected() {
		if fields[name] != value && !(name == "Seccomp" && fields[name] == seccompDead) {
			return fmt.Errorf("/proc/%d/status shows %s %q where %q was built", pid, name, fields[name], value)
		}
	}
	if a.walls.seccomp && number(fields["Seccomp_filters"]) <= ownFilters() {
		return fmt.Errorf("/proc/%d/status shows no filter but the host's own", pid)
	}
	return nil
}

// expected are the fields of /proc/PID/status that the walls determine.
func (a *attempt) expected() map[string]string {
	uid := a.host.uid
	if id := a.identity(); id >= 0 {
		uid = id
	}
	want := map[string]string{"Uid": strings.TrimSpace(strings.Repeat(strconv.Itoa(uid)+" ", 4))}
	if a.walls.privs {
		want["NoNewPrivs"] = "1"
	}
	if a.walls.seccomp {
		want["Seccomp"] = "2"
	}
	if !a.walls.caps {
		return want
	}
	sets := []string{"CapInh", "CapPrm", "CapEff", "CapAmb"}
	if a.dropsBounding() {
		sets = append(sets, "CapBnd")
	}
	for _, set := range sets {
		want[set] = "0000000000000000"
	}
	return want
}

// ownFilters is how many system call filters the host itself is under.
var ownFilters = sync.OnceValue(func() int {
	fields, _ := statusFields(os.Getpid())
	return number(fields["Seccomp_filters"])
})

// number reads a count; kernels before 5.10 have no such field and count as one.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 1
	}
	return n
}

// ownNamespaces are the host's namespaces.
var ownNamespaces = sync.OnceValues(func() (map[string]string, error) {
	out := make(map[string]string)
	for _, ns := range namespaceLinks {
		link, err := os.Readlink("/proc/self/ns/" + ns.name)
		if err != nil {
			return nil, err
		}
		out[ns.name] = link
	}
	return out, nil
})

// verifyNamespaces compares the program's namespaces with the host's.
func verifyNamespaces(pid int, w *wallSet) error {
	ours, err := ownNamespaces()
	if err != nil {
		return err
	}
	for _, ns := range namespaceLinks {
		if !ns.on(w) {
			continue
		}
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, ns.name))
		if err != nil {
			return err
		}
		if ours[ns.name] == theirs {
			return fmt.Errorf("the program is in the host's %s namespace", ns.name)
		}
	}
	return nil
}

// statusFields reads /proc/PID/status with the blanks of each value normalised.
func statusFields(pid int) (map[string]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, err
	}
	return parseStatus(string(text)), nil
}

func parseStatus(text string) map[string]string {
	fields := make(map[string]string, 64)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if strings.IndexByte(value, '\t') >= 0 {
			value = strings.Join(strings.Fields(value), " ")
		}
		fields[name] = value
	}
	return fields
}

// gone reports whether a process that was not waited for has ended.
func gone(pid int) bool {
	fields, err := statusFields(pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	return strings.HasPrefix(fields["State"], "Z") || strings.HasPrefix(fields["State"], "X")
}
