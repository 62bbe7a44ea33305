// SPDX-License-Identifier: Apache-2.0

// Package door is the protocol by which a plugin without network asks its host
// for connections to the few places that were granted to it.
//
// A plugin has no network of its own. With a grant of kind "net" it inherits one
// socket, the door, whose descriptor number stands in decimal digits in the
// environment variable [EnvFD]. The plugin writes requests to the door and reads
// replies from it. The reply to a granted request carries a descriptor: a stream
// socket, behind which the host passes bytes to and from the place asked for.
//
// The descriptor is one end of a pair of local sockets and never the TCP socket
// itself. Whoever holds a TCP socket holds a piece of the host's network: it
// could be connected anew to another address (a connect to AF_UNSPEC dissolves
// the old association), show the host's own addresses, and change options of the
// connection, and it would outlive the host's decision to end it. Bytes through
// a pair can be counted, bounded in time and cut off.
//
// # Transport
//
// The door is an AF_UNIX socket. Where the system has them (Linux), it is of
// type SOCK_SEQPACKET, and one record is one message. Elsewhere (macOS) it is of
// type SOCK_STREAM, and each message is preceded by its length in bytes as an
// unsigned 16-bit number, high byte first. A program tells the two apart by
// getsockopt(SO_TYPE). The descriptor of a reply travels as SCM_RIGHTS with the
// first byte that is sent for the message. All numbers are unsigned, high byte
// first.
//
// # Request, plugin to host
//
//	offset  size  content
//	0       1     version of the protocol: 1
//	1       1     what is asked: 1, connect over TCP
//	2       4     id, chosen by the plugin, repeated in the reply
//	6       2     port, not 0
//	8       1     n, length of the host in bytes, 1 to 253
//	9       n     host: a name, in Unicode or in its "xn--" form, or a literal
//	              address without brackets
//
// A request has exactly 9 + n bytes and carries no descriptors. Whatever is not
// of this form, an empty record included, ends the door. The host reads requests at
// a bounded rate, so writes to the door may wait.
//
// # Reply, host to plugin
//
//	offset  size  content
//	0       1     version of the protocol: 1
//	1       1     status, see Status
//	2       4     id of the request
//	6       2     n, length of the text in bytes, 0 to 512
//	8       n     text for people in UTF-8: why the connection was not made
//
// Exactly the replies with status 0 carry a descriptor, and exactly one.
// Replies come in any order; a request whose plugin has lost interest is
// answered all the same, and the plugin closes the descriptor. A plugin that
// does not read its replies for some seconds loses the door. When either side
// closes the door, all connections made through it end.
//
// A request of another version, or for something that the host does not know, is
// answered with status 6 and the version that the host speaks, if its first six
// bytes are there.
//
// In Python a request is
//
//	struct.pack(">BBIHB", 1, 1, id, port, len(host)) + host
//
// and a reply is what socket.recv_fds(door, 1024, 1) returns.
package door

import "fmt"

const (
	// Version is the version of the protocol that this package speaks.
	Version = 1
	// EnvFD names the variable that holds the number of the door's descriptor.
	EnvFD = "BULKHEAD_NETWORK_FD"
	// MaxHost is the longest host of a request in bytes: that of a domain name.
	MaxHost = 253
	// MaxText is the longest text of a reply in bytes.
	MaxText = 512
	// MaxMessage is the longest message in bytes, without the length before it.
	MaxMessage = replyHeader + MaxText
)

// Status is what became of a request.
type Status byte

// The statuses with their numbers on the wire.
const (
	Connected   Status = 0 // the reply carries the connection
	NotGranted  Status = 1 // the user granted no such host and port
	Forbidden   Status = 2 // the host is granted, but it leads to an address that no plugin may reach
	NotFound    Status = 3 // the name has no address
	Unreachable Status = 4 // nobody answered at the address
	Busy        Status = 5 // too many connections are open
	Unsupported Status = 6 // the host does not know this version or kind of request
)

var statusNames = [...]string{"connected", "not granted", "forbidden", "not found", "unreachable", "busy", "unsupported"}

// String names the status in words.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", byte(s))
}
