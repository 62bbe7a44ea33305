// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"container/list"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients is how many addresses are remembered.
const maxClients = 8192

// limits are those of every client address.
type limits struct {
	options Options
	mu      sync.Mutex
	clients map[netip.Prefix]*list.Element // of *client
	recent  *list.List                     // the latest first
}

// client is what is known of an address.
type client struct {
	prefix netip.Prefix
	rate   *rate.Limiter
	active int // requests that are being served
}

func newLimits(o Options) *limits {
	return &limits{options: o, clients: make(map[netip.Prefix]*list.Element), recent: list.New()}
}

// enter admits a request of an address until done is called, or says how long to
// wait.
func (l *limits) enter(address string, now time.Time) (done func(), wait time.Duration) {
	if l.options.Rate < 0 {
		return func() {}, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.client(prefix(address))
	if c.active >= l.options.Together {
		return nil, time.Second
	}
	if !c.rate.AllowN(now, 1) {
		return nil, time.Duration(float64(time.Second) / l.options.Rate)
	}
	c.active++
	return func() { l.leave(c) }, 0
}

func (l *limits) leave(c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.active--
}

// client is that of a prefix, and the one forgotten for it when there are too many.
func (l *limits) client(p netip.Prefix) *client {
	if e, ok := l.clients[p]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*client)
	}
	if l.recent.Len() >= maxClients {
		oldest := l.recent.Back()
		delete(l.clients, oldest.Value.(*client).prefix)
		l.recent.Remove(oldest)
	}
	c := &client{prefix: p, rate: rate.NewLimiter(rate.Limit(l.options.Rate), l.options.Burst)}
	l.clients[p] = l.recent.PushFront(c)
	return c
}

// prefix is what counts as one client: an IPv4 address, or the /64 that an IPv6
// host can choose its addresses from.
func prefix(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{} // all that have no address share one
	}
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// seconds is a time as Retry-After has it, at least 1.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
