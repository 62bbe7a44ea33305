// SPDX-License-Identifier: Apache-2.0

package seccomp

import "golang.org/x/sys/unix"

// plain are the requests of ioctl that every program may make: bytes that can be
// read, blocking, close-on-exec, and the two questions by which programs find
// out whether a descriptor is a terminal.
var plain = []uint32{fioReadable, fioNonBlocking, fioCloseOnExec, fioNoCloseOnExec, unix.TCGETS, unix.TIOCGWINSZ}

// See asm-generic/ioctls.h; the same on both architectures.
const (
	fioReadable      = 0x541b // FIONREAD
	fioNonBlocking   = 0x5421 // FIONBIO
	fioNoCloseOnExec = 0x5450 // FIONCLEX
	fioCloseOnExec   = 0x5451 // FIOCLEX
)

// ioctlRule: unsigned int cmd. With Devices everything goes but four groups, told
// by the second byte of the request. Groups and not single requests, since each
// has more than one that types into, takes over or reprograms a terminal or
// sends signals to others, and no accelerator's driver uses them. AMD's compute
// driver shares the letter of the keyboard group; its requests have size bits.
func ioctlRule(p Policy) rule {
	r := only(is(1, plain...))
	if !p.Devices {
		return r
	}
	const group = 0xff00
	r.last = allow
	r.clauses = append(r.clauses,
		clause{[]condition{bits(1, group, 'T'<<8)}, refuse},         // terminals: TIOCSTI, TIOCLINUX, TIOCSETD; network tunnels
		clause{[]condition{bits(1, group, 'V'<<8)}, refuse},         // virtual terminals
		clause{[]condition{bits(1, ^uint32(0xff), 'K'<<8)}, refuse}, // keyboards and consoles
		clause{[]condition{bits(1, group, 0x89<<8)}, refuse},        // sockets: FIOSETOWN, SIOCSPGRP, interfaces
	)
	return r
}
