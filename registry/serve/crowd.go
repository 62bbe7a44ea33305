// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net"
	"net/netip"
	"sync"
)

// crowd is a listener that takes so many connections of one client address and
// closes further ones at once: a client that opens all that the server has, and
// says nothing on them, would keep everybody else out.
type crowd struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newCrowd(l net.Listener, most int) *crowd {
	return &crowd{Listener: l, most: most, open: map[netip.Prefix]int{}}
}

// Accept waits for a connection of a client that may have one more.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p := prefixOf(conn.RemoteAddr())
		if c.enter(p) {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { c.leave(p) })}, nil
		}
		_ = conn.Close() // it gets no answer
	}
}

func (c *crowd) enter(p netip.Prefix) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[p] >= c.most {
		return false
	}
	c.open[p]++
	return true
}

func (c *crowd) leave(p netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[p]--; c.open[p] == 0 {
		delete(c.open, p)
	}
}

// guest is a connection that is counted until it is closed.
type guest struct {
	net.Conn
	leave func()
}

// Close is that of net.Conn.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}

// prefixOf is what counts as the client at an address.
func prefixOf(a net.Addr) netip.Prefix {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		host = a.String()
	}
	return prefix(host)
}
