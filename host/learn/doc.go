// SPDX-License-Identifier: Apache-2.0

// Package learn tells which grants a plugin needs from what it did in a traced run.
//
// # The run
//
// The plugin runs in its sandbox, traced: the kernel asks the host before each call
// of the plugin, and of the programs that it starts, that names a file (open, stat,
// readlink, execve, mkdir, rename, unlink and their kin), the host reads the name,
// looks whether the plugin's view has it, writes both down in a [Recorder], and lets
// the call go on. No file is opened for that and no content is read. The walls stand
// as ever, with one exception: the plugin can make processes, so that it comes to
// name the program that it would start, and is refused that. A name is read from
// memory that the plugin could change a moment later: a hostile one can give wrong
// names, and a proposal is what it is, a text for somebody to read. At most 65,536
// different uses are kept and the first million calls looked at; [Seen.Lost] tells
// of the rest.
//
// # What is concluded
//
// [Propose] puts every use with the grants that the plugin ran with:
//
//   - found below /target and granted: the grant was used. One that names a directory
//     which was never listed, and of which at most [MaxFiles] things were used, is
//     narrowed to them; one with a glob or a word such as ${python} is kept, because
//     another machine has other names there.
//   - not in the view, granted, and not on the machine either: the grant was looked
//     up in vain and is kept.
//   - not in the view, on the machine: refused, with the grant that would allow it.
//     Programs count when they were executed or looked for in a directory of programs.
//   - not in the view and not on the machine, without a grant: listed as absent.
//   - a directory that was listed and is in the view only for the sake of something
//     else in it: refused, since the plugin saw a part.
//   - a name with *, ? or [ that nothing has: a pattern that was looked for. It stands
//     for what it matches, and is proposed as it is.
//
// Directories on the way to a used file are no uses. What every sandbox has (its
// libraries, /proc of the plugin itself, the scratch directory, /dev/null) is none
// either, and what the runtimes of Go, C and Python look for on their own account, such
// as the interpreter itself.
//
// New grants are written in the words of manifests: ${process}, ${python}, ./, ~/
// and $NAME where the machine's own values stand, a directory where it was listed or
// more than [MaxFiles] of its files were used, and * where names differ in one
// place and have a digit there, as the addresses of devices do. What no manifest may
// ask for is told as refused, with the reason. Whatever a plugin does, there are at most
// as many grants as a manifest takes, and as many refusals.
//
// # What cannot be seen
//
// Variables, the text of the kernel's log and the files of sinks reach a plugin in
// messages, so that nobody outside sees whether it looks at them. Granted variables
// that are set, and the other two, are proposed as they are. Grants for what is not on
// this machine, and unset variables, are told apart ([Proposal].NotHere): a run on a
// machine without a GPU says nothing of the grants for GPUs. Secrets count as used
// when their file is opened. Network addresses are those that the plugin asked the
// host to connect to. A plugin that looks for its paths one directory after the other
// stops at the first that it does not see; the SDKs name the rest as well when they are
// traced, and name patterns as they stand. What lies in a file that was refused, and
// what it leads to, only the next run can tell.
package learn
