// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

var linuxNetwork = []Attack{
	{Name: "abstract-connect", Area: "network", Aim: "connect to an abstract socket, such as a desktop's", try: abstractConnect},
	{Name: "unix-datagram", Area: "network", Aim: "send a datagram to a socket in the file system, such as the log's", try: unixDatagram},
	{Name: "fast-open", Area: "network", Aim: "send TCP data without connect", try: fastOpen},
	{Name: "multipath", Area: "network", Aim: "connect with multipath TCP", try: multipath},
	{Name: "raw-socket", Area: "network", Aim: "forge packets", try: socketOf(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
	{Name: "packet-socket", Area: "network", Aim: "watch the network", try: socketOf(unix.AF_PACKET, unix.SOCK_RAW, 0)},
	{Name: "netlink", Area: "network", Aim: "learn or change the machine's network", try: netlinkDump},
	{Name: "vsock", Area: "network", Aim: "talk to the hypervisor", try: socketOf(unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
	{Name: "bluetooth", Area: "network", Aim: "reach a rarely used protocol of the kernel", try: rareSockets},
	{Name: "crypto-socket", Area: "network", Aim: "reach the kernel's ciphers", try: socketOf(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)},
	{Name: "tunnel", Area: "network", Aim: "make a network device", try: tunnel},
	{Name: "abstract-listen", Area: "network", Aim: "offer a service under an abstract name, such as a desktop's", try: abstractListen},
	{Name: "out-of-band", Area: "network", Aim: "reach the rarely used urgent data of sockets", try: outOfBand},
}

func abstractConnect(s *Scene) Outcome {
	c, err := net.Dial("unix", "@"+s.Abstract)
	if err == nil {
		_ = c.Close()
	}
	return attempt(err, "connected to @"+s.Abstract)
}

func unixDatagram(s *Scene) Outcome {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	var ways []Outcome
	for _, name := range []string{s.Unix, "/dev/log", "/run/systemd/journal/dev-log"} {
		err := unix.Sendto(fd, []byte("x"), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: name})
		if err == unix.EPROTOTYPE { // it was found, it only is of another type
			err = nil
		}
		ways = append(ways, attempt(err, "reached "+name))
	}
	return attempts(ways...)
}

// address is the scene's TCP service as a socket address.
func address(s *Scene) *unix.SockaddrInet4 {
	ap, err := netip.ParseAddrPort(s.TCP)
	if err != nil {
		return &unix.SockaddrInet4{}
	}
	return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
}

func fastOpen(s *Scene) Outcome {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	return attempt(unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, address(s)), "sent to "+s.TCP)
}

func multipath(s *Scene) Outcome {
	const mptcp = 262
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, mptcp)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	return attempt(unix.Connect(fd, address(s)), "connected to "+s.TCP)
}

// socketOf is a hit when such a socket can be had at all.
func socketOf(family, kind, protocol int) func(*Scene) Outcome {
	return func(*Scene) Outcome {
		fd, err := unix.Socket(family, kind, protocol)
		if err == nil {
			_ = unix.Close(fd)
		}
		return attempt(err, "has the socket")
	}
}

func rareSockets(s *Scene) Outcome {
	var ways []Outcome
	for _, family := range []int{unix.AF_BLUETOOTH, unix.AF_RDS, unix.AF_TIPC, unix.AF_CAN, unix.AF_KCM, unix.AF_X25, unix.AF_XDP, unix.AF_SMC} {
		ways = append(ways, socketOf(family, unix.SOCK_RAW, 0)(s), socketOf(family, unix.SOCK_SEQPACKET, 0)(s))
	}
	return attempts(ways...)
}

// netlinkDump is a hit only where it shows somebody's network.
func netlinkDump(*Scene) Outcome {
	links, err := net.Interfaces()
	if err == nil && len(links) <= 1 {
		return missed("alone in its network")
	}
	return attempt(err, "listed the machine's network devices")
}

func tunnel(*Scene) Outcome {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return attempt(err, "opened /dev/net/tun")
}

// abstractListen is a hit where others share the names: alone in a network
// namespace it is nobody's.
func abstractListen(s *Scene) Outcome {
	l, err := net.Listen("unix", "@"+s.Abstract+"-false")
	if err != nil {
		return missed(plain(err))
	}
	defer func() { _ = l.Close() }()
	taken, err := net.Listen("unix", "@"+s.Abstract)
	if err == nil { // it is the host's, elsewhere
		_ = taken.Close()
		return missed("alone in its network")
	}
	return Outcome{true, "listened on " + l.Addr().String()}
}

func outOfBand(*Scene) Outcome {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return missed(plain(err))
	}
	return attempts(
		attempt(unix.Send(pair[0], []byte("x"), unix.MSG_OOB), "sent urgent data"),
		attempt(unix.Sendmsg(pair[0], []byte("x"), nil, nil, unix.MSG_OOB), "sent urgent data"),
	)
}
