// SPDX-License-Identifier: Apache-2.0

package seccomp

import "golang.org/x/sys/unix"

// Use is what a program wants of a name in the file system.
type Use uint8

// The uses, each including those before it where that makes sense.
const (
	Look  Use = iota // ask whether it is there, of what kind, or where a link leads
	Read             // open it for reading; of a directory, list it
	Write            // open it for writing, make, rename or remove it
	Start            // execute it
)

// Touch is one use of a name by a traced program, before the kernel carries it out.
type Touch struct {
	Call string // "openat"
	Use  Use
	// Path is absolute and clean, as the program sees its root. Links in it are
	// not resolved.
	Path string
	// Found says that the name leads to something in the program's own view, and
	// Directory and Device what that is.
	Found, Directory, Device bool
}

// name says which arguments of a call name a file.
type name struct {
	dir  int // argument with the directory's descriptor; -1 for the working directory
	path int // argument with the path
}

// traced is a call that names files.
type traced struct {
	names []name
	use   func(c *call, t *tracee) Use
	// link: the call is about the name itself, be it a link or not.
	link bool
}

func using(u Use) func(*call, *tracee) Use { return func(*call, *tracee) Use { return u } }

// opens reads the mode of an open from the argument that has its flags.
func opens(arg int) func(*call, *tracee) Use {
	return func(c *call, _ *tracee) Use { return useOfFlags(c.arguments[arg]) }
}

// opens2 reads it from struct open_how.
func opens2(c *call, t *tracee) Use {
	flags, _ := t.word(c.arguments[2])
	return useOfFlags(flags)
}

func useOfFlags(flags uint64) Use {
	switch {
	case flags&unix.O_PATH != 0:
		return Look
	case flags&unix.O_ACCMODE != unix.O_RDONLY, flags&(unix.O_CREAT|unix.O_TRUNC) != 0, flags&unix.O_TMPFILE == unix.O_TMPFILE:
		return Write
	}
	return Read
}

var (
	here    = []name{{-1, 0}}
	at      = []name{{0, 1}}
	looking = using(Look)
	writing = using(Write)
)

// watched are the calls that a trace tells of. Of those that a policy decides by
// their arguments there are none.
var watched = map[string]traced{
	"open": {here, opens(1), false}, "openat": {at, opens(2), false}, "openat2": {at, opens2, false}, "creat": {here, writing, false},
	"access": {here, looking, false}, "faccessat": {at, looking, false}, "faccessat2": {at, looking, false},
	"stat": {here, looking, false}, "lstat": {here, looking, true}, "newfstatat": {at, looking, true}, "statx": {at, looking, true},
	"statfs": {here, looking, false}, "readlink": {here, looking, true}, "readlinkat": {at, looking, true}, "chdir": {here, looking, false},
	"mkdir": {here, writing, true}, "mkdirat": {at, writing, true}, "rmdir": {here, writing, true},
	"unlink": {here, writing, true}, "unlinkat": {at, writing, true}, "truncate": {here, writing, false},
	"rename": {[]name{{-1, 0}, {-1, 1}}, writing, true}, "renameat": {[]name{{0, 1}, {2, 3}}, writing, true}, "renameat2": {[]name{{0, 1}, {2, 3}}, writing, true},
	"link": {[]name{{-1, 1}}, writing, true}, "linkat": {[]name{{2, 3}}, writing, true},
	"symlink": {[]name{{-1, 1}}, writing, true}, "symlinkat": {[]name{{1, 2}}, writing, true},
	"execve": {here, using(Start), false},
}

// traceRule is the rule for a call of a traced program. Processes may be made, so
// that the name of the program that one of them would start can be seen; that is
// where a program without Exec is refused it, by the monitor.
func (p Policy) traceRule(call string) (rule, bool) {
	if !p.Trace {
		return rule{}, false
	}
	switch call {
	case "execve":
		return always(observe), true
	case "clone", "fork", "vfork":
		p.Exec = true
		return ruled[call](p), true
	}
	if _, ok := watched[call]; !ok {
		return rule{}, false
	}
	p.Trace = false
	if r := p.rule(call); len(r.clauses) == 0 && r.last == allow {
		return always(observe), true
	}
	return rule{}, false
}

// maxTouches bounds what one monitor looks at. Calls beyond them go on unseen.
const maxTouches = 1 << 20

// observes tells the tracer of a call and lets it go on, or refuses it: a start of
// a program that was granted none. It reports whether it has answered.
func (m *Monitor) observes(fd int, n *notification, call string) bool {
	what, ok := watched[call]
	if m.options.Touched == nil || !ok {
		return false
	}
	if m.touches++; m.touches <= maxTouches {
		m.look(fd, n, call, what)
	}
	if call == "execve" && !m.options.Exec {
		if answer(fd, n.id, unix.EPERM) == nil {
			m.count(call)
		}
		return true
	}
	_ = proceed(fd, n.id)
	return true
}

// look reads what a call names. The memory may be another program's by the time it
// is read, so that what was read counts only if the caller still waits; a program
// that changes it in between lies about itself, and gains nothing by it, since the
// walls stand where they stood.
func (m *Monitor) look(fd int, n *notification, call string, what traced) {
	t := &tracee{pid: int(n.pid), root: &m.root}
	var out []Touch
	use := what.use(&n.data, t)
	for _, name := range what.names {
		p, ok := t.path(&n.data, name)
		if !ok {
			continue
		}
		touch := Touch{Call: call, Use: use, Path: p}
		t.describe(&touch, what.link && !follows(call, &n.data))
		out = append(out, touch)
	}
	if !waits(fd, n.id) {
		return
	}
	for _, touch := range out {
		m.options.Touched(touch)
	}
}

// follows reports whether a call that may be about a link itself is about what it
// leads to.
func follows(call string, c *seccompData) bool {
	switch call {
	case "newfstatat":
		return c.arguments[3]&unix.AT_SYMLINK_NOFOLLOW == 0
	case "statx":
		return c.arguments[2]&unix.AT_SYMLINK_NOFOLLOW == 0
	}
	return false
}

// seccompData is struct seccomp_data, where a parameter is named call.
type seccompData = call
