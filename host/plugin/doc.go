// SPDX-License-Identifier: Apache-2.0

// Package plugin starts plugins, watches them and ends them.
//
// A plugin is an executable that speaks hashicorp/go-plugin's gRPC protocol.
// [Launch] gives a [Process] with a gRPC connection to it. What is said over that
// connection is none of this package's business.
//
// # Start
//
//  1. The file is opened once. Its SHA-256 is measured through that descriptor,
//     compared with [Spec.Digest], and the same descriptor is executed, so the
//     name cannot be swapped in between. (Whoever may write to the file itself
//     could still change it under our hands: installed plugins are read-only.)
//     Measured digests are remembered by device, inode, size, mtime and ctime in
//     [Options.DigestCache].
//
//  2. Package sandbox starts it with an environment of ours and no standard input.
//
//  3. The first line of its standard output is the handshake,
//
//     1|PROTOCOL|unix|ADDRESS|grpc
//
//     of at most 8 KiB. It is read and checked here; go-plugin, whose client a
//     sixth field, a certificate, would crash, never sees it. ADDRESS must be a
//     plain name in the plugin's own private directory. That directory is reached through a handle which was opened when the
//     sandbox was built, the socket through openat2 without links, and the peer's
//     process id must be the plugin's. On Windows, where go-plugin serves TCP,
//     ADDRESS must be a loopback address.
//
//  4. The plugin's gRPC must have answered the first bytes of the connection. No
//     call is made: the caller's own first call is soon enough.
//
// A start is a chain of waits, so what can be done beside them is: the kernel makes
// the network namespace during step 1, and during step 2 go-plugin builds its client
// as for a plugin that runs already, whose dialer then waits for step 3. About half
// of what is left is the plugin's own runtime and packages coming up.
// BenchmarkLeanStart has the figures.
//
// Steps 2 to 4 happen within [Spec.StartTimeout]. A plugin may serve several
// protocol majors, and the host speak several ([Spec.Protocols]); the newest in
// common is taken.
//
// A plugin may be a script with an [Interpreter]. Both files are opened once, the
// script is held to its digest, and the interpreter gets it as that very file.
// [FindPython] describes a Python with its environment.
//
// # Life
//
// Messages are capped at [Spec.MessageBytes] and headers at 64 KiB in both
// directions. A message of the plugin is weighed before it is decoded: what it
// takes in memory beside its texts may be as much as [Spec.MessageBytes], or
// 16 MiB where that is more, and it may nest a hundred deep. Frames of HTTP/2
// beyond those that calls need are read at 5,000 a second. Every unary call ends after [Spec.CallTimeout] at the latest; the
// plugin is told of it, and one that lets it pass is killed. So is one that has
// lived for [Spec.LifeTime]. The broker of go-plugin, which makes the host dial
// and listen at a plugin's wish, is refused.
//
// What the plugin writes to its standard error and, after the handshake, through
// go-plugin's stdio stream is logged under plugin.NAME: the values of its secrets
// and what [Options.Redact] finds are removed, control and bidirectional
// characters are replaced, levels stop at warn, structured fields become text of
// the message, [Spec.LogRate] bytes a second and [Spec.LogBytes] in all are let
// through, and one line says how much was not. Raw standard output after the
// handshake is discarded.
//
// What the sandbox refused is counted ([Process.Denials]) and logged once for each
// kind, with the grant that would allow it, when a call has failed and when the
// plugin is gone.
//
// # Death
//
// [Process.Done] is closed when the plugin is gone, and [Process.Exit] says why.
// The first line that applies is the [Cause]:
//
//	ForbiddenCall  the sandbox ended it for a system call, which is named
//	OutOfMemory    the kernel ended it at the limit of its control group
//	Deadline       we killed it: a call took too long
//	LifeTime       we killed it: it ran too long
//	Refused        we killed it: what it said at its start cannot be used
//	KilledByUser   we killed it: Kill, or a context cancelled with an Interrupt
//	Cancelled      we killed it: the context of Launch ended
//	Parted         a process that was started by hand, which ended
//	Closed         we killed it in Close, or it ended with status 0 meanwhile
//	CPULimit       SIGXCPU, or SIGKILL after three quarters of its processor time
//	FileLimit      SIGXFSZ, or last words about a file too large
//	ScratchLimit   the sandbox measured its private directory and killed it
//	WatchLimit     the sandbox counted its watches and locks and killed it
//	OutOfMemory    last words about memory, of Go, Python, C++ or Rust, or the
//	               sandbox measured its memory and killed it
//	Crashed        a Go panic, Python traceback, Rust panic or C++ terminate, with
//	               the exit status that goes with it
//	Signalled      any other signal
//	Exited         an exit status, with the last lines of the log
//
// A [Death] carries the peak of its memory, its processor time and its denials,
// and says what to do where something can be done. [Process.CallError] adds it to
// a failed call.
//
// A process that somebody started by hand ([Spec.Reattach]) has no walls, is never
// killed, and has a day for each call, since its author may be stepping through it:
// where a plugin would be killed or closed, the host lets go of it. Its socket must be
// this user's, in a directory that nobody else may enter, and served by the process
// that was named, of this user.
//
// [Process.Close] drains, then kills. SIGKILL always comes before go-plugin's own
// Kill, which otherwise waits for whoever holds the plugin's standard output, and
// is never waited for longer than a moment. Cancelling the context of Launch
// kills the plugin. When the host itself is killed, the kernel kills the plugin
// (Linux, Windows); its directories and control groups are removed by the next
// host.
package plugin
