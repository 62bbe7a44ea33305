// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// compiler turns an attempt into a program.
type compiler struct {
	*program
	a *attempt

	std     [3]operand // descriptors on their way to their places
	inherit []operand
	exe     operand
	socket  operand // our end of the pair by which descriptors reach the host
	host    operand // a pidfd of the host
	exeRule operand // the Landlock rules of the program and its directory
	dirRule operand
	dir     operand // the private directory
	rules   []ownRule
	poll    operand // the host's pidfd as poll takes it
	network int     // which of the files is the network namespace
}

// ownRule is a Landlock rule on a file of the sandbox itself.
type ownRule struct {
	rule   operand
	rights uint64
}

// step is one part of a launch. Its name is what a refusal reports, and what the
// tests make fail.
type step struct {
	name string
	when func(*attempt) bool
	emit func(*compiler)
}

func always(*attempt) bool           { return true }
func ifWeak(a *attempt) bool         { return a.level > None }
func ifMount(a *attempt) bool        { return a.walls.mount }
func ifNoMount(a *attempt) bool      { return !a.walls.mount && a.spec.PrivateDir != "" }
func ifObjects(a *attempt) bool      { return a.walls.mount || a.walls.landlock }
func ifTerminal(a *attempt) bool     { return !ifObjects(a) || a.spec.grants(Device) } // it could open /dev/tty
func unlessTerminal(a *attempt) bool { return !ifTerminal(a) }
func ifSecrets(a *attempt) bool      { return a.walls.mount && len(a.spec.Secrets) > 0 }
func ifProc(a *attempt) bool         { return a.walls.mount && a.walls.pid && a.spec.Proc }
func ifUTS(a *attempt) bool          { return a.walls.uts }
func ifUser(a *attempt) bool         { return a.walls.user }
func ifNetwork(a *attempt) bool      { return a.walls.ownNetwork() }
func ifPIDs(a *attempt) bool         { return a.boundsPIDs() }
func ifQuota(a *attempt) bool        { return a.walls.quota }
func ifCgroupSpace(a *attempt) bool  { return a.walls.cgroupSpace }
func ifBounding(a *attempt) bool     { return a.walls.caps && a.dropsBounding() }
func ifCaps(a *attempt) bool         { return a.walls.caps }
func ifIdentity(a *attempt) bool     { return a.takesIdentity() }
func ifPrivs(a *attempt) bool        { return a.walls.privs }
func ifLandlock(a *attempt) bool     { return a.walls.landlock }
func ifLimits(a *attempt) bool       { return a.walls.rlimits }
func ifSeccomp(a *attempt) bool      { return a.walls.seccomp }

// steps lists everything that happens between fork and exec, in order.
var steps = []step{
	{"descriptors", always, (*compiler).descriptors},
	{"session", ifTerminal, (*compiler).session},
	{"group", unlessTerminal, (*compiler).group},
	{"parent-death", always, (*compiler).parentDeath},
	{"network", ifNetwork, (*compiler).enterNetwork},
	{"cgroup-enter", ifQuota, (*compiler).enterGroup},
	{"user-map", ifUser, (*compiler).mapUser},
	{"cgroup-namespace", ifCgroupSpace, (*compiler).cgroupSpace},
	{"pid-limit", ifPIDs, (*compiler).pidLimit},
	{"oom-score", ifWeak, (*compiler).oomScore},
	{"directory", ifNoMount, (*compiler).directory},
	{"private-mounts", ifMount, (*compiler).privateMounts},
	{"open-grants", ifObjects, (*compiler).openGrants},
	{"new-root", ifMount, (*compiler).newRoot},
	{"pivot-root", ifMount, (*compiler).pivotRoot},
	{"mount-grants", ifMount, (*compiler).mountGrants},
	{"scratch", ifMount, (*compiler).scratch},
	{"secrets", ifSecrets, (*compiler).secrets},
	{"proc", ifProc, (*compiler).mountProc},
	{"drop-old-root", ifMount, (*compiler).dropOldRoot},
	{"seal-root", ifMount, (*compiler).sealRoot},
	{"hostname", ifUTS, (*compiler).hostname},
	{"umask", always, (*compiler).umask},
	{"bounding-set", ifBounding, (*compiler).boundingSet},
	{"securebits", ifBounding, (*compiler).secureBits},
	{"identity", ifIdentity, (*compiler).identity},
	{"no-new-privs", ifPrivs, (*compiler).noNewPrivileges},
	{"capabilities", ifCaps, (*compiler).capabilities},
	{"landlock", ifLandlock, (*compiler).landlock},
	{"close-files", always, (*compiler).closeFiles},
	{"rlimits", ifLimits, (*compiler).rlimits},
	{"signals", always, (*compiler).signals},
	{"lifeline", always, (*compiler).lifeline},
	{"seccomp", ifSeccomp, (*compiler).seccomp},
	{"exec", always, (*compiler).execute},
}

// injection makes a step of the next launches fail, for tests.
type injection struct {
	step  string
	errno unix.Errno
}

var injected *injection

// compile makes the program of an attempt.
func (a *attempt) compile() *compiler {
	c := &compiler{program: newProgram(), a: a}
	for _, s := range steps {
		if !s.when(a) {
			continue
		}
		c.here = place{step: s.name, bind: -1}
		if injected != nil && injected.step == s.name {
			c.equal(cellZero, c.value(1), injected.errno)
		}
		s.emit(c)
	}
	return c
}

// at says what path the next ops are about.
func (c *compiler) at(path string) { c.here.path = path }

// about says what object the next ops are about.
func (c *compiler) about(o *object) { c.here.path, c.here.bind = o.path, o.bind }

// places of descriptors in the program: the standard streams, the inherited
// ones, and behind them ours, which exec closes.
func (c *compiler) firstOwn() int { return 3 + len(c.a.spec.Inherit) }

// exeNumber is the number under which the program's file is executed. It lies
// beyond the limit of open files, so that the program can never again have a
// descriptor of that number, and the filter lets it execute no other. It is 0
// where there is no such number.
func (a *attempt) exeNumber() int {
	limit := a.spec.Limits.withDefaults().OpenFiles
	var now unix.Rlimit
	if !a.walls.rlimits || unix.Getrlimit(unix.RLIMIT_NOFILE, &now) != nil || limit > 1<<20 || limit+spare > now.Cur {
		return 0
	}
	return max(int(limit), 3+len(a.spec.Inherit)+ownFiles)
}

// ownFiles is how many descriptors of ours lie behind the program's own, and
// spare how many numbers a launch needs beyond the limit of the program.
const (
	ownFiles = 2
	spare    = 16
)

// descriptors moves every descriptor that is still needed out of the way of the
// places where they will be.
func (c *compiler) descriptors() {
	s := c.a.spec
	for i, f := range []*os.File{nullDevice(), orNull(s.Stdout), orNull(s.Stderr)} {
		c.std[i] = c.aside(f)
	}
	for _, f := range s.Inherit {
		c.inherit = append(c.inherit, c.aside(f))
	}
	c.socket, c.host, c.exe = c.aside(c.a.sockets[1]), c.aside(c.a.self), c.aside(s.Exe)
	c.exeRule = c.data(make([]byte, 16))
	c.call(unix.SYS_FCNTL, c.exe, unix.F_DUPFD_CLOEXEC, 0).into(c.exeRule + 8)
}

// aside duplicates a file to a number that is nobody's place.
func (c *compiler) aside(f *os.File) operand {
	cell := c.file(f)
	c.call(unix.SYS_FCNTL, cell, unix.F_DUPFD_CLOEXEC, max(c.firstOwn()+ownFiles, c.a.exeNumber())+1).into(cell)
	return cell
}

// closeFiles puts the descriptors in their places and closes all others.
func (c *compiler) closeFiles() {
	for i, cell := range append(c.std[:], c.inherit...) {
		c.call(unix.SYS_DUP3, cell, i, 0)
	}
	own := c.firstOwn()
	c.poll = c.data([]byte{0, 0, 0, 0, unix.POLLIN, 0, 0, 0})
	c.call(unix.SYS_DUP3, c.socket, own, unix.O_CLOEXEC).into(c.socket)
	c.call(unix.SYS_DUP3, c.host, own+1, unix.O_CLOEXEC).into(c.poll)
	end := own + ownFiles
	exe := max(c.a.exeNumber(), end)
	c.call(unix.SYS_DUP3, c.exe, exe, unix.O_CLOEXEC).into(c.exe)
	if exe > end {
		c.call(unix.SYS_CLOSE_RANGE, end, exe-1, 0)
	}
	c.call(unix.SYS_CLOSE_RANGE, exe+1, uint64(^uint32(0)), 0)
}

// group makes the process the leader of a group of its own. A session of its own
// would also put it into a scheduling group of its own, which costs a round trip
// with the host a fifth.
func (c *compiler) group() { c.call(unix.SYS_SETPGID, 0, 0) }

// session makes the process the leader of a session of its own, which has no
// terminal.
func (c *compiler) session() { c.call(unix.SYS_SETSID) }

// parentDeath has the kernel kill the program when the thread that forked it ends.
func (c *compiler) parentDeath() {
	c.call(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, int(unix.SIGKILL))
}

// lifeline makes sure that the host did not die before the kernel was told.
func (c *compiler) lifeline() {
	count := c.cell()
	c.call(unix.SYS_PPOLL, c.address(c.poll), 1, c.address(c.data(make([]byte, 16))), 0, 0).into(count)
	c.equal(count, cellZero, unix.ESRCH)
	c.call(unix.SYS_GETPID).into(cellReached)
}

// oomScore lets the kernel end the program before anything else when memory runs
// out. It is a courtesy and no wall: where it cannot be had, the level stands.
func (c *compiler) oomScore() {
	fd := c.cell()
	open := c.call(unix.SYS_OPENAT, unix.AT_FDCWD, "/proc/self/oom_score_adj", unix.O_WRONLY|unix.O_CLOEXEC).into(fd)
	c.call(unix.SYS_WRITE, fd, "1000", 4).ignored()
	c.call(unix.SYS_CLOSE, fd)
	open.otherwiseHere()
}

// enterNetwork goes into the namespace that was made for this launch alone.
func (c *compiler) enterNetwork() {
	c.network = c.later()
	c.call(unix.SYS_SETNS, c.cells[c.network], unix.CLONE_NEWNET)
}

// pidLimit bounds the processes and threads of a program of uid 0, which
// RLIMIT_NPROC does not, by the number of the last that fits into its namespace.
// Where it cannot be had, as in a container with a read-only /proc/sys, the report
// says so.
func (c *compiler) pidLimit() {
	c.a.pidNote = c.cell()
	fd, text := c.cell(), strconv.FormatUint(max(c.a.spec.Limits.withDefaults().Processes, leastPIDs), 10)
	open := c.call(unix.SYS_OPENAT, unix.AT_FDCWD, "/proc/sys/kernel/pid_max", unix.O_WRONLY|unix.O_CLOEXEC).into(fd).noted(c.a.pidNote)
	c.call(unix.SYS_WRITE, fd, text, len(text)).noted(c.a.pidNote).ignored()
	c.call(unix.SYS_CLOSE, fd)
	open.otherwiseHere()
}

// directory makes the private directory the working directory, while the host's
// rights still allow to reach it.
func (c *compiler) directory() {
	c.at(c.a.spec.PrivateDir)
	c.call(unix.SYS_CHDIR, c.a.spec.PrivateDir)
	c.openDirectory(".")
}

// openDirectory opens the private directory for Landlock.
func (c *compiler) openDirectory(name string) {
	c.dirRule = c.data(make([]byte, 16))
	c.dir = c.dirRule + 8
	c.call(unix.SYS_OPENAT, unix.AT_FDCWD, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC).into(c.dir)
	c.rules = append(c.rules, ownRule{c.dirRule, rightsOf(Write, true)})
}

// umask keeps what the program creates to itself.
func (c *compiler) umask() { c.call(unix.SYS_UMASK, 0o077) }

// signals gives the program default handlers and an empty mask, whatever the
// host's are.
func (c *compiler) signals() {
	action := c.address(c.data(make([]byte, 32)))
	for number := 1; number <= 64; number++ {
		if number != int(unix.SIGKILL) && number != int(unix.SIGSTOP) {
			c.call(unix.SYS_RT_SIGACTION, number, action, 0, 8)
		}
	}
	c.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, c.address(c.cell()), 0, 8)
}

// execute replaces the process by the program. All walls stand before it.
func (c *compiler) execute() {
	c.at(c.a.spec.Exe.Name())
	c.call(unix.SYS_EXECVEAT, c.exe, "", c.vector(c.a.spec.Args), c.vector(c.a.environment()), unix.AT_EMPTY_PATH)
}

// message is a descriptor on its way to the host.
type message struct {
	c    *compiler
	fd   operand // where its number goes
	body operand // address of the struct msghdr
}

// message prepares a message that carries one descriptor.
func (c *compiler) message(letter byte) message {
	control := make([]byte, unix.CmsgSpace(4))
	binary.NativeEndian.PutUint64(control, uint64(unix.CmsgLen(4)))
	binary.NativeEndian.PutUint32(control[8:], unix.SOL_SOCKET)
	binary.NativeEndian.PutUint32(control[12:], unix.SCM_RIGHTS)
	m := message{c: c, fd: c.data(control) + 16}
	vector := c.data(make([]byte, 16))
	c.point(vector, c.data([]byte{letter}))
	c.memory[vector+8] = 1
	header := c.data(make([]byte, 56))
	c.point(header+16, vector)
	c.memory[header+24] = 1
	c.point(header+32, m.fd-16)
	c.memory[header+40] = byte(len(control))
	m.body = c.address(header)
	return m
}

func (m message) send() { m.c.call(unix.SYS_SENDMSG, m.c.socket, m.body, unix.MSG_NOSIGNAL) }
