// SPDX-License-Identifier: Apache-2.0

package seccomp

import "golang.org/x/sys/unix"

// kind is what of a socket's type says what it is.
const kind = ^uint32(unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK)

// socketRule leaves stream sockets of the machine, on which a plugin serves: int
// domain, int type. Datagram sockets could send to a name without connect. CUDA
// listens on one of packets.
func socketRule(p Policy) rule {
	r := only(is(0, unix.AF_UNIX), bits(1, kind, unix.SOCK_STREAM))
	if p.Devices {
		r = r.orElse(is(0, unix.AF_UNIX), bits(1, kind, unix.SOCK_SEQPACKET))
	}
	return r
}

// socketpairRule leaves pairs whose ends cannot reach anyone else.
func socketpairRule(Policy) rule {
	return only(is(0, unix.AF_UNIX), bits(1, kind, unix.SOCK_STREAM)).
		orElse(is(0, unix.AF_UNIX), bits(1, kind, unix.SOCK_SEQPACKET))
}

// setsockoptRule refuses to load programs into the kernel, and larger buffers,
// which are memory of the kernel: int fd, int level, int option. Programs take
// the size of a buffer for a wish.
func setsockoptRule(Policy) rule {
	return always(allow).
		but(refuse, is(1, unix.SOL_SOCKET),
			is(2, unix.SO_ATTACH_FILTER, unix.SO_ATTACH_BPF, unix.SO_ATTACH_REUSEPORT_CBPF, unix.SO_ATTACH_REUSEPORT_EBPF)).
		but(unheld, is(1, unix.SOL_SOCKET), is(2, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE))
}
