// SPDX-License-Identifier: Apache-2.0

// Package machinetree turns a page of text into the file system of a machine.
//
// A machine is a txtar archive (golang.org/x/tools/txtar): a comment, then
// files. A file root/PATH is the file /PATH of the machine, as it stands. The
// other files are recipes: they make what text cannot hold, or what is always
// the same. In every recipe a line that begins with # is a comment, and words
// stand between spaces; "two words" in quotes are one.
//
//	include         names of parts: archives of the same form in the directory
//	                parts beside the machine, unpacked first, in this order
//	machine.json    becomes /bulkhead-machine.json; objects of parts and of the
//	                machine are merged (env, filesystems, facts), other values replaced
//	kernel_log      the kernel's log; becomes "kernel_log" of machine.json
//	root.absent     paths that the parts brought and this machine lacks
//	root.dirs       empty directories, one a line
//	root.links      PATH -> TARGET, one a line
//	root.modes      MODE PATH, octal, one a line
//	root.hex        PATH: hexadecimal bytes; a word BYTExCOUNT repeats a byte
//	root.base64     PATH: base64
//	root.append     PATH: a line to add to a file of a part
//	root.elf        shared objects and programs, see below
//	root.ldcache    /etc/ld.so.cache, a line for each library: SONAME => PATH
//	root.pci        devices of the PCI bus, see below
//	root.driver     NVIDIA's kernel module and libraries, see below
//	root.python     interpreters, environments and distributions, see below
//	python/NAME     lines of root.python that `use NAME` puts in
//
// Any other name is kept for the caller (expect.json of package corpus). Paths
// may begin with a slash. A directory that is a link leads on inside the
// machine, as on merged-usr systems.
//
// # root.elf
//
// A path, then properties on indented lines: soname (default: the file's name
// when it holds ".so"), needed, rpath, runpath, interp, machine (amd64 or
// arm64), want LIBRARY VERSION..., offer VERSION..., define SYMBOL[@VERSION]...,
// use SYMBOL[@VERSION]..., size BYTES. The result is a 64-bit ELF file with
// segments, dynamic section, hash, symbols and version tables, and no code.
//
// # root.pci
//
//	ADDRESS device=2684 [vendor=10de] [class=030000] [driver=nvidia] [model="..."]
//	        [uuid=GPU-...] [minor=0] [width=16/16] [numa=0] [cpus=0-31] [firmware=570.86.15]
//	        [below=0000:00:01.0/0000:01:00.0] [page=no]
//
// It is a directory below /sys/devices with the bus's link to it, the link to
// its driver, and, for a device that the driver nvidia serves, its page below
// /proc/driver/nvidia/gpus, unless page=no.
//
// # root.driver
//
//	VERSION closed|open [kernel=RELEASE] [libraries=VERSION] [libdir=DIR] [nodes=N]
//	        [without=loaded,uvm,libraries,disk,dkms,nodes,persistenced,signature]
//
// It is NVIDIA's driver in order: the module in the kernel and on disk, its
// sources for DKMS, libraries with their links, device nodes (regular files of
// mode 0666), nvidia-modprobe, the socket of the persistence daemon. Words of
// without leave parts out.
//
// # root.python
//
// Statements at the start of a line, their properties indented:
//
//	interpreter /usr version=3.12.3 [managed=yes] [headers=no]
//	standalone DIR version=3.12.3 [loader=PATH]   an installation of uv or pyenv
//	conda DIR version=3.11.9             with conda-meta
//	venv DIR version=3.12.3 [home=/usr/bin] [system=yes] [uv=0.5.1]
//	site DIR                             what follows is installed there
//	use NAME                             the lines of a part's python/NAME
//	dist NAME==VERSION [installer=pip] [record=no] [tag=cp312-cp312-linux_x86_64]
//	torch VERSION [cuda=12.4] [hip=6.2] [with=NAME]
//	fill COUNT [files=20]                ordinary distributions that need each other
//
// Properties of dist and torch: requires REQUIREMENT, requires-python SPEC,
// metadata LINE, file PATH [TEXT], elf PATH followed by properties of root.elf
// indented further, missing PATH (in RECORD only), changed PATH [TEXT] (not what
// RECORD says), top-level NAME. Paths are relative to the directory of packages.
// A dist has dist-info with METADATA, WHEEL, INSTALLER and a RECORD with true
// hashes; one without files gets a package of its name. Torch has its libraries
// with their needs, and requires and needs what `python/NAME` installs.
//
// # Bounds
//
// A tree has at most 200,000 entries and 256 MiB; names stay inside of the
// machine, and Write never leaves its directory, whatever the links say. A wrong
// line is an *Error with the file and the line.
package machinetree
