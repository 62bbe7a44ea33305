// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net/netip"
)

// block is a range of addresses with the words for it.
type block struct {
	prefix netip.Prefix
	words  string
}

// unreachable are the addresses that never belong to a service somebody would
// grant: what they reach is the link, the machine or everybody. Ranges are from
// the IANA special-purpose address registries (RFC 6890 and its updates), the
// services of clouds from their providers' documentation.
var unreachable = blocks(
	"0.0.0.0/8", "an unspecified address",
	"169.254.0.0/16", "a link-local address, where clouds serve credentials",
	"224.0.0.0/4", "a multicast address",
	"240.0.0.0/4", "a reserved or broadcast address",
	"100.100.100.200/32", "the metadata service of a cloud",
	"168.63.129.16/32", "the metadata service of a cloud",
	"192.0.0.192/32", "the metadata service of a cloud",
	"fd00:ec2::/32", "the metadata service of a cloud",
	"fd20:ce::254/128", "the metadata service of a cloud",
	"::/128", "an unspecified address",
	"fe80::/10", "a link-local address",
	"fec0::/10", "a site-local address",
	"ff00::/8", "a multicast address",
	"::/96", "an IPv4 address in an old IPv6 form",
	"::ffff:0:0:0/96", "an IPv4 address in IPv6 form",
	"64:ff9b:1::/48", "an IPv4 address in IPv6 form",
	"2001::/32", "an IPv4 address in IPv6 form",
	"2002::/16", "an IPv4 address in IPv6 form",
	"100::/64", "an address that discards",
)

// private are the addresses of the machine's surroundings. A literal grant opens
// them; a name that was granted does not lead there by itself, because whoever
// runs the name's DNS would then choose which.
var private = blocks(
	"127.0.0.0/8", "a loopback address",
	"::1/128", "a loopback address",
	"10.0.0.0/8", "an address of a private network",
	"172.16.0.0/12", "an address of a private network",
	"192.168.0.0/16", "an address of a private network",
	"100.64.0.0/10", "an address of a private network",
	"192.0.0.0/24", "an address of a private network",
	"198.18.0.0/15", "an address of a private network",
	"fc00::/7", "an address of a private network",
)

// blocks builds a list from pairs of prefix and words.
func blocks(pairs ...string) []block {
	var out []block
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, block{netip.MustParsePrefix(pairs[i]), pairs[i+1]})
	}
	return out
}

// find returns the words of the first block that holds addr.
func find(list []block, addr netip.Addr) string {
	for _, b := range list {
		if b.prefix.Contains(addr) {
			return b.words
		}
	}
	return ""
}

// nat64 is the prefix by which networks without IPv4 write IPv4 addresses
// (RFC 6052): what counts there is the address inside.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// plain undoes the forms of IPv6 in which an IPv4 address is really reached.
func plain(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !nat64.Contains(addr) {
		return addr
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}

// NeverGranted says what addr is if no plugin may reach it by any grant:
// unspecified, link-local, multicast, a cloud's metadata service, or a form of
// IPv6 that hides an IPv4 address. It is empty for other addresses.
func NeverGranted(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "not an address"
	case addr == netip.IPv6Loopback():
		return "" // it lies in the block of old forms
	}
	return find(unreachable, plain(addr))
}

// Private says what addr is if it belongs to this machine or to a private
// network. It is empty for other addresses.
func Private(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return find(private, plain(addr))
}

// Loopback tells whether addr stands for the machine itself.
func Loopback(addr netip.Addr) bool { return plain(addr).IsLoopback() }
