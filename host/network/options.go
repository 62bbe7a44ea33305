// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// MaxRules is how many rules a door can have.
const MaxRules = 256

// Resolver finds the addresses of a name. *net.Resolver is one.
type Resolver interface {
	// LookupNetIP returns the addresses of host; network is "ip".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Dialer connects. *net.Dialer is one.
type Dialer interface {
	// DialContext connects to address, which is a literal address and a port;
	// network is "tcp".
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Options changes how a door works. A zero field means the default named beside
// it.
type Options struct {
	Resolver Resolver // the machine's own
	Dialer   Dialer   // *net.Dialer
	// Log is told of each connection that begins and of each kind of denial once,
	// with pairs of keys and values as log/slog has them, by several goroutines at
	// a time. Nil logs nothing.
	Log func(message string, args ...any)
	// Asked is told of each address that is asked for, granted or not, as
	// "HOST:PORT" in its single form. It should not wait.
	Asked func(address string)
	// PrivateAnswers lets granted names lead to private networks. Loopback stays
	// closed to names other than localhost.
	PrivateAnswers bool

	MaxConnections int           // open at a time or being made, 32
	DialsPerSecond float64       // requests read in the long run, 20; MaxConnections may come at once
	DialTimeout    time.Duration // for resolving and connecting together, 15 s
	IdleTimeout    time.Duration // after which a connection without traffic ends, 5 min
	ReplyTimeout   time.Duration // how long a plugin may leave replies unread, 5 s
}

// withDefaults fills in the zero fields.
func (o Options) withDefaults() Options {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Dialer == nil {
		o.Dialer = &net.Dialer{}
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 32
	}
	if o.DialsPerSecond == 0 {
		o.DialsPerSecond = 20
	}
	for _, t := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.DialTimeout, 15 * time.Second}, {&o.IdleTimeout, 5 * time.Minute}, {&o.ReplyTimeout, 5 * time.Second}} {
		if *t.field == 0 {
			*t.field = t.value
		}
	}
	return o
}
