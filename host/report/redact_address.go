// SPDX-License-Identifier: Apache-2.0

package report

import (
	"net/netip"
	"strings"
)

// replaceAddresses replaces the IP addresses of machines.
func (r *Redactor) replaceAddresses(s string) string {
	if strings.Count(s, ":") >= 2 {
		s = replaceAt(ipv6(), s, func(from, to int) string { return r.ipv6At(s, from, to) })
	}
	if strings.Count(s, ".") >= 3 {
		s = replaceAt(ipv4(), s, func(from, to int) string { return r.ipv4At(s, from, to) })
	}
	return s
}

func (r *Redactor) ipv6At(s string, from, to int) string {
	found := s[from:to]
	addr, err := netip.ParseAddr(found)
	groups := len(strings.FieldsFunc(found, func(c rune) bool { return c == ':' }))
	switch {
	case err != nil || !wordEnds(s, from, to) || harmlessAddress(addr):
		return found
	case groups < 3 && addr.IsGlobalUnicast() && !addr.IsPrivate() && !strings.HasPrefix(found, "2"):
		return found // "c10::add" is a name of C++
	}
	return r.pseudonym("ipv6", addr.String())
}

func (r *Redactor) ipv4At(s string, from, to int) string {
	found := s[from:to]
	addr, err := netip.ParseAddr(found)
	before, after := nearby(s[:from]), s[to:]
	switch {
	case err != nil || !wordEnds(s, from, to) || dotted(before, after) || harmlessAddress(addr):
		return found
	case r.versions[found] && !networked(before, after):
		return found
	}
	return r.pseudonym("ipv4", found)
}

// dotted reports whether the numbers go on before or after.
func dotted(before, after string) bool {
	digitBefore := len(before) > 1 && before[len(before)-1] == '.' && isDigit(before[len(before)-2])
	digitAfter := len(after) > 1 && after[0] == '.' && isDigit(after[1])
	return digitBefore || digitAfter
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// documentation are the networks of the pseudonyms.
var documentation = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("2001:db8::/32"),
}

// harmlessAddress reports whether every machine has the address: loopback,
// "any", masks, the metadata service of clouds, and the pseudonyms.
func harmlessAddress(a netip.Addr) bool {
	for _, p := range documentation {
		if p.Contains(a) {
			return true
		}
	}
	first := a.As16()
	if a.Is4() {
		b := a.As4()
		return a.IsLoopback() || b[0] == 0 || b[0] == 255 || a == netip.AddrFrom4([4]byte{169, 254, 169, 254})
	}
	return a.IsLoopback() || a.IsUnspecified() || first[0] == 0xff
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
