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
//     of at most 8 KiB. It is checked here, and go-plugin is given a line rebuilt
//     from these five fields: a sixth field, a certificate, would crash go-plugin's
//     client. ADDRESS must be a plain name in the plugin's own private directory.
//     That directory is reached through a handle which was opened when the
//     sandbox was built, the socket through openat2 without links, and the peer's
//     process id must be the plugin's. On Windows, where go-plugin serves TCP,
//     ADDRESS must be a loopback address.
//
//  4. A health call must be answered before Launch returns.
//
// Steps 2 to 4 happen within [Spec.StartTimeout].
//
// # Life
//
// Messages are capped at 16 MiB and headers at 64 KiB in both directions. Every
// unary call ends after [Spec.CallTimeout] at the latest; a plugin that lets it
// pass is killed. The broker of go-plugin, which makes the host dial and listen
// at a plugin's wish, is refused.
//
// What the plugin writes to its standard error and, after the handshake, through
// go-plugin's stdio stream is logged under plugin.NAME: control and bidirectional
// characters are replaced, levels stop at warn, structured fields become text of
// the message, 64 KiB a second and 1 MiB in all are let through, and one line
// says how much was not. Raw standard output after the handshake is discarded.
//
// # Death
//
// [Process.Done] is closed when the plugin is gone, and [Process.Exit] says why:
// its exit status or signal, the text of a panic, a call over its deadline, or
// our own decision, with its last lines of log. [Process.CallError] adds that to
// a failed call.
//
// [Process.Close] drains, then kills. SIGKILL always comes before go-plugin's own
// Kill, which otherwise waits for whoever holds the plugin's standard output, and
// is never waited for longer than a moment. Cancelling the context of Launch
// kills the plugin. When the host itself is killed, the kernel kills the plugin
// (Linux, Windows).
package plugin
