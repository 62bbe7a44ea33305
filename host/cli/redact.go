// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"os/user"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
)

// redactor knows the names of this user and of the machine; nil stands for a
// snapshot, of which nothing more is known than it says.
func redactor(machine *target.Machine) *report.Redactor {
	var known report.Known
	if machine != nil {
		known.Homes = []string{machine.Home}
		known.Hosts = append(known.Hosts, machine.Env["HOSTNAME"], machine.Env["COMPUTERNAME"], hostname(machine))
		for _, name := range []string{"USER", "LOGNAME", "USERNAME", "SUDO_USER"} {
			known.Users = append(known.Users, machine.Env[name])
		}
		for name, value := range machine.Env {
			if secretName(name) {
				known.Secrets = append(known.Secrets, value)
			}
		}
	}
	if machine != nil && machine.Live() {
		if u, err := user.Current(); err == nil {
			known.Users = append(known.Users, u.Username, u.Name)
		}
	}
	return report.NewRedactor(known)
}

// hostname is the name of the machine, as it says itself.
func hostname(machine *target.Machine) string {
	if machine.Live() {
		name, err := os.Hostname()
		if err != nil {
			return ""
		}
		return name
	}
	root, err := os.OpenRoot(machine.Root)
	if err != nil {
		return ""
	}
	defer root.Close()
	const name = "etc/hostname"
	if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() {
		return "" // a FIFO in its place would never open
	}
	file, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer file.Close()
	text := make([]byte, 256)
	n, _ := file.Read(text)
	return strings.TrimSpace(string(text[:n]))
}

// secretName reports whether a variable of that name most likely holds a secret.
func secretName(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "ACCESS_KEY", "CREDENTIAL"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
