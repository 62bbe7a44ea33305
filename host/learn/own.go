// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// place is where a name of a plugin's view lies.
type place int

const (
	own       place = iota // of the sandbox itself; no grant
	onMachine              // below /target, or a device: a path of the machine
	secretly               // the file of a secret
	elsewhere              // a path at which a sandbox shows nothing of the machine
)

// ownDirs and ownFiles are what every sandbox has, or has of its own in place of the
// machine's.
var (
	ownDirs = []string{
		"/proc", sandbox.ScratchDir, sandbox.PluginDir, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib32", "/libx32", "/dev/fd",
	}
	ownFiles = []string{
		"/", "/dev", "/run", sandbox.TargetDir, sandbox.SecretsDir, "/usr", "/usr/local", "/etc", "/etc/ld.so.cache", "/etc/ld.so.preload",
		"/dev/null", "/dev/full", "/dev/random", "/dev/urandom", "/dev/zero", "/dev/tty", "/dev/shm", "/dev/stdin", "/dev/stdout", "/dev/stderr",
	}
	// runtimes look for these on their own account: Go for the size of its pages and
	// its resolver, C libraries for names, languages and time zones, OpenSSL for its
	// configuration.
	runtimes = []string{
		"/sys/kernel/mm/transparent_hugepage", "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group",
		"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/mime.types", "/etc/apache", "/etc/apache2", "/etc/httpd", "/etc/ssl",
		"/usr/share/zoneinfo", "/usr/share/locale", "/usr/share/mime", "/usr/share/terminfo", "/etc/terminfo", "/etc/locale.alias", "/etc/services", "/etc/protocols",
		"/var/run/nscd", "/run/nscd", "/etc/python3", "/etc/inputrc", "/etc/pki", "/usr/bin/pyvenv.cfg", "/usr/pyvenv.cfg",
	}
)

// locate says where a name lies, with the path of the machine, or the name of the
// secret.
func locate(p string) (place, string) {
	switch {
	case p == sandbox.TargetDir:
		return own, ""
	case below(p, sandbox.TargetDir):
		return onMachine, strings.TrimPrefix(p, sandbox.TargetDir)
	case path.Dir(p) == sandbox.SecretsDir:
		return secretly, path.Base(p)
	case slices.Contains(ownFiles, p), slices.ContainsFunc(ownDirs, func(dir string) bool { return below(p, dir) }):
		return own, ""
	case below(p, "/dev"):
		return onMachine, p
	}
	return elsewhere, p
}

// ofRuntime reports whether a runtime looks for it, rather than the plugin.
func ofRuntime(p string) bool {
	return strings.HasPrefix(path.Base(p), "python") && path.Base(path.Dir(p)) == "bin" ||
		slices.ContainsFunc(runtimes, func(dir string) bool { return below(p, dir) })
}

// programDirs are where programs are looked for by their names.
var programDirs = []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"}

// isProgram reports whether a path is a program in a directory of programs: looking
// for one means to start it. Interpreters of Python look for themselves.
func isProgram(p string) bool {
	if !slices.Contains(programDirs, path.Dir(p)) || strings.HasPrefix(path.Base(p), "python") {
		return false
	}
	info, err := os.Stat(p)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}
