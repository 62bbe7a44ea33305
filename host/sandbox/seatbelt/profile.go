// SPDX-License-Identifier: Apache-2.0

// Package seatbelt writes profiles for sandbox-exec, the sandbox of macOS.
//
// A [Profile] names what one program may touch, and [Profile.Text] turns it into
// SBPL, the profile language, version 1. It is a pure function: equal profiles
// give equal text, on every platform. The text denies by default, and also the
// few operations that "deny default" leaves open, and then allows
//
//   - to execute Program, and the programs in Exec; to fork only where Exec is
//     not empty;
//   - to read and map the system's own libraries, Program, Library and Exec;
//   - to read Read, and the metadata of the directories above every named path;
//   - to read and write Private and Write, and to use the nodes in Device;
//   - unix sockets in Private, and no other network;
//   - signals and process information of itself alone (of its children too,
//     where it may have any);
//   - the hardware's names and sizes, and nothing of other processes.
//
// No service of the system can be looked up. Of two rules that match, the last
// one counts, so what must not be overruled comes last.
//
// Paths are absolute, clean, and free of symbolic links: the kernel compares the
// names of what was found, so a rule for /tmp never matches /private/tmp. A path
// with a control character or with bytes that are not UTF-8 is a [PathError]:
// the language has no safe way to write it. Quotes and backslashes are escaped.
package seatbelt

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Profile says what a program may touch. A path stands for itself and, where it
// is a directory, for everything below it.
type Profile struct {
	Program string   // the executable
	Private string   // the directory that is the program's own; "" is none
	Read    []string // readable
	Write   []string // readable and writable
	Library []string // readable, and may be mapped as code
	Exec    []string // Library, and may be executed
	Device  []string // device nodes: read, write, ioctl
}

// PathError is a path that no profile can name.
type PathError struct {
	Path   string
	Reason string // "it is not absolute"
}

// Error quotes the path.
func (e *PathError) Error() string {
	return fmt.Sprintf("%q cannot be named in a sandbox profile: %s", e.Path, e.Reason)
}

// Paths of the system that every program needs to start.
var (
	systemCode = []string{
		"/System/Library", "/System/Cryptexes", "/System/Volumes/Preboot/Cryptexes", "/usr/lib",
		"/Library/Apple/System", "/Library/Apple/usr", // Rosetta
		"/private/var/db/dyld", "/private/var/db/oah",
	}
	systemData  = []string{"/private/var/db/timezone", "/usr/share/zoneinfo", "/usr/share/zoneinfo.default", "/usr/share/icu", "/usr/share/locale"}
	systemFiles = []string{"/private/etc/localtime", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}
	// The links through which programs name the above.
	systemLinks = []string{"/dev", "/etc", "/tmp", "/var", "/private"}
	// What the C library and the runtimes of languages ask at their start.
	systemNames = []string{
		"kern.argmax", "kern.hostname", "kern.maxfilesperproc", "kern.osproductversion", "kern.osrelease",
		"kern.ostype", "kern.osversion", "kern.version", "kern.secure_kernel", "kern.usrstack64",
		"sysctl.proc_cputype", "sysctl.proc_translated", "vm.loadavg",
	}
)

// Text is the profile in the language of sandbox-exec.
func (p Profile) Text() (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	w := &writer{}
	w.line("(version 1)")
	w.line("(deny default)")
	w.line("(deny process-info* nvram* iokit-get-properties file-map-executable)")
	p.processes(w)
	p.system(w)
	p.files(w)
	p.sockets(w)
	w.line("(deny file-write-setugid)")
	if p.Private != "" {
		w.rule("deny", "file-write*", literals(p.Program))
	}
	return w.String(), nil
}

func (p Profile) processes(w *writer) {
	target := "self"
	if len(p.Exec) > 0 {
		target = "same-sandbox"
		w.line("(allow process-fork)")
	}
	w.rule("allow", "process-exec", literals(p.Program), subpaths(p.Exec...))
	w.line("(allow signal (target %s))", target)
	w.line("(allow process-info* (target %s))", target)
}

func (p Profile) system(w *writer) {
	w.rule("allow", "sysctl-read", []string{`(sysctl-name-prefix "hw.")`, `(sysctl-name-prefix "machdep.cpu.")`}, each("sysctl-name", systemNames))
	w.rule("allow", "file-read* file-map-executable", subpaths(systemCode...))
	w.rule("allow", "file-read*", subpaths(systemData...), literals(systemFiles...))
	w.rule("allow", "file-write-data", literals("/dev/null", "/dev/zero"))
	w.rule("allow", "file-ioctl", literals("/dev/null"))
	w.rule("allow", "file-read-data", literals("/")) // the loader lists it
}

func (p Profile) files(w *writer) {
	w.rule("allow", "file-read-metadata", literals(p.ancestors()...))
	w.rule("allow", "file-read* file-map-executable", literals(p.Program), subpaths(p.Library...), subpaths(p.Exec...))
	w.rule("allow", "file-read*", subpaths(p.Read...))
	w.rule("allow", "file-read* file-write-data file-ioctl", literals(p.Device...))
	w.rule("allow", "file-read* file-write*", subpaths(p.writable()...))
}

// sockets allows unix sockets whose names lie in the private directory.
func (p Profile) sockets(w *writer) {
	if p.Private == "" {
		return
	}
	dir := subpaths(p.Private)[0]
	w.line("(allow system-socket (socket-domain AF_UNIX))")
	w.line("(allow network-bind (local unix-socket %s))", dir)
	w.line("(allow network-inbound (local unix-socket %s))", dir)
	w.line("(allow network-outbound (remote unix-socket %s))", dir)
}

func (p Profile) writable() []string {
	if p.Private == "" {
		return p.Write
	}
	return append([]string{p.Private}, p.Write...)
}

// ancestors are the directories above what a rule names, so that a program can
// walk down to it.
func (p Profile) ancestors() []string {
	out := append([]string{"/"}, systemLinks...)
	for _, name := range slices.Concat(p.paths(), systemCode, systemData, systemFiles) {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			out = append(out, dir)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p Profile) paths() []string {
	out := slices.Concat([]string{p.Program}, p.Read, p.Write, p.Library, p.Exec, p.Device)
	if p.Private != "" {
		out = append(out, p.Private)
	}
	return out
}

func (p Profile) check() error {
	for _, name := range p.paths() {
		if err := checkPath(name); err != nil {
			return err
		}
	}
	return nil
}

func checkPath(name string) error {
	switch {
	case !path.IsAbs(name):
		return &PathError{name, "it is not absolute"}
	case path.Clean(name) != name:
		return &PathError{name, "it is not clean"}
	case name == "/":
		return &PathError{name, "it stands for the whole machine"}
	case !utf8.ValidString(name):
		return &PathError{name, "it is not UTF-8"}
	case strings.ContainsFunc(name, unicode.IsControl):
		return &PathError{name, "it holds a control character"}
	}
	return nil
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// each applies one filter of the language to every value.
func each(filter string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = "(" + filter + ` "` + quoting.Replace(v) + `")`
	}
	return out
}

func literals(names ...string) []string { return each("literal", names) }
func subpaths(names ...string) []string { return each("subpath", names) }

// writer collects rules.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(&w.Builder, format+"\n", args...)
}

// rule writes one rule for operations, with its filters one a line. Without a
// filter a rule would match everything, so then nothing is written.
func (w *writer) rule(action, operations string, filters ...[]string) {
	all := slices.Concat(filters...)
	if len(all) == 0 {
		return
	}
	w.line("%s", "("+action+" "+operations+"\n  "+strings.Join(all, "\n  ")+")")
}
