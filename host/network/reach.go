// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// maxAddresses bounds how many addresses of one name are tried.
const maxAddresses = 8

// refusal is why a granted place was not reached.
type refusal struct {
	status door.Status
	reason string
}

// reach connects to a granted place.
func (d *Door) reach(rule network.Rule) (net.Conn, *refusal) {
	ctx, cancel := context.WithTimeout(d.alive, d.options.DialTimeout)
	defer cancel()
	addrs, refused := d.addresses(ctx, rule)
	if refused != nil {
		return nil, refused
	}
	return d.dial(ctx, addrs, rule.Port)
}

// addresses finds where a granted place may be looked for.
func (d *Door) addresses(ctx context.Context, rule network.Rule) ([]netip.Addr, *refusal) {
	if addr, ok := rule.Addr(); ok {
		return []netip.Addr{addr}, nil
	}
	if rule.Host == network.Localhost {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	found, err := d.options.Resolver.LookupNetIP(ctx, "ip", complete(rule.Host))
	if err != nil || len(found) == 0 {
		return nil, &refusal{door.NotFound, notFound(rule.Host, err)}
	}
	return d.permitted(rule.Host, found)
}

// complete marks a name as complete, so that no search domain is appended to it.
// A single word is left to the search domains, which it needs.
func complete(host string) string {
	if strings.Contains(host, ".") {
		return host + "."
	}
	return host
}

// notFound tells what a lookup said without the name of the DNS server, which is
// none of the plugin's business.
func notFound(host string, err error) string {
	switch failed, ok := errors.AsType[*net.DNSError](err); {
	case ok && failed.IsNotFound, err == nil:
		return fmt.Sprintf("the name %s has no address", host)
	case ok && failed.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("nobody told the address of %s in time", host)
	}
	return fmt.Sprintf("the address of %s could not be found out", host)
}

// permitted keeps the addresses to which a name may lead.
func (d *Door) permitted(host string, found []netip.Addr) ([]netip.Addr, *refusal) {
	var addrs []netip.Addr
	reason := ""
	for _, addr := range found {
		addr = addr.Unmap()
		if words := d.forbidden(addr); words == "" {
			addrs = append(addrs, addr)
		} else if reason == "" {
			reason = fmt.Sprintf("the name %s leads to %s, %s, where names may not lead", host, addr, words)
		}
	}
	if len(addrs) == 0 {
		return nil, &refusal{door.Forbidden, reason}
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// forbidden says what addr is if a name may not lead there.
func (d *Door) forbidden(addr netip.Addr) string {
	if addr.Zone() != "" {
		return "an address of one link"
	}
	if words := network.NeverGranted(addr); words != "" {
		return words
	}
	if d.options.PrivateAnswers && !network.Loopback(addr) {
		return ""
	}
	return network.Private(addr)
}

// dial tries one address after the other; each gets its share of the time.
func (d *Door) dial(ctx context.Context, addrs []netip.Addr, port uint16) (net.Conn, *refusal) {
	var reasons []string
	for i, addr := range addrs {
		target := netip.AddrPortFrom(addr, port).String()
		conn, err := d.dialOne(ctx, target, len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s", target, cause(err)))
	}
	return nil, &refusal{door.Unreachable, strings.Join(reasons, "; ")}
}

// dialOne connects to one address within 1/left of the time that is left.
func (d *Door) dialOne(ctx context.Context, target string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	return d.options.Dialer.DialContext(ctx, "tcp", target)
}

// cause strips what the reason repeats: the operation and the addresses.
func cause(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return err.Error()
}
