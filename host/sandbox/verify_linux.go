// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// namespaces are the entries of /proc/PID/ns that must differ from the host's.
var namespaces = []string{"mnt", "pid", "net", "ipc", "uts"}

// verify looks at the running program from outside. It returns false without an
// error when the program is gone already and there is nothing to look at.
func (a *attempt) verify() (bool, error) {
	if a.level == None {
		return false, nil
	}
	pid := a.cmd.Process.Pid
	err := a.verifyStatus(pid)
	if err == nil && a.level == Namespaced {
		err = verifyNamespaces(pid)
	}
	if err == nil {
		return true, nil
	}
	if gone(pid) {
		return false, nil
	}
	return false, a.failed("verify", "", err)
}

// verifyStatus checks the credentials of the program.
func (a *attempt) verifyStatus(pid int) error {
	fields, err := statusFields(pid)
	if err != nil {
		return err
	}
	uid := os.Geteuid()
	if a.uid >= 0 {
		uid = a.uid
	}
	want := map[string]string{"NoNewPrivs": "1", "Uid": strings.TrimSpace(strings.Repeat(strconv.Itoa(uid)+" ", 4))}
	sets := []string{"CapInh", "CapPrm", "CapEff", "CapAmb"}
	if a.level == Namespaced || a.plan.DropSet {
		sets = append(sets, "CapBnd")
	}
	for _, set := range sets {
		want[set] = "0000000000000000"
	}
	for name, value := range want {
		if fields[name] != value {
			return fmt.Errorf("/proc/%d/status shows %s %q where %q was built", pid, name, fields[name], value)
		}
	}
	return nil
}

// verifyNamespaces compares the program's namespaces with the host's.
func verifyNamespaces(pid int) error {
	names := namespaces
	if os.Geteuid() != 0 {
		names = append([]string{"user"}, names...)
	}
	for _, name := range names {
		ours, err := os.Readlink("/proc/self/ns/" + name)
		if err != nil {
			return err
		}
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		if err != nil {
			return err
		}
		if ours == theirs {
			return fmt.Errorf("the program is in the host's %s namespace", name)
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
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
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
