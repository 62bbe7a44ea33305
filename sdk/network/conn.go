// SPDX-License-Identifier: Apache-2.0

package network

import "net"

// Conn is a connection through the door. It reads and writes the bytes of the
// TCP connection that the host holds, and supports CloseRead and CloseWrite.
type Conn struct {
	*net.UnixConn
	remote place
}

// RemoteAddr is the address that was dialled, by its name.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// place is an address as a plugin knows it.
type place string

// Network is "tcp".
func (p place) Network() string { return "tcp" }

// String is "HOST:PORT" as it was dialled.
func (p place) String() string { return string(p) }
