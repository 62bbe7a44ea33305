// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Localhost is the only name that stands for the machine itself.
const Localhost = "localhost"

// Rule names one place on the network. Rules that [ParseRule] and [NewRule]
// return are in a single form: equal places are equal values.
type Rule struct {
	// Host is a name in lower case and "xn--" form without a final dot, or a
	// literal address as netip writes it, without brackets.
	Host string
	// Port is a TCP port, never 0.
	Port uint16
}

// RuleError says why a text names no place that can be granted.
type RuleError struct {
	Text   string // as it was given
	Reason string // what is wrong with it, and what to write instead
}

// Error names the text and the reason.
func (e *RuleError) Error() string {
	return fmt.Sprintf("network address %.300q: %s", e.Text, e.Reason)
}

// ParseRule reads "HOST:PORT". The host is a name, in Unicode or not, or a
// literal address, which stands in brackets if it is IPv6. The port is a decimal
// number. Schemes, paths, wildcards, port names and ranges are refused, and so
// are addresses that no grant opens, see NeverGranted. The error is a *RuleError.
func ParseRule(text string) (Rule, error) {
	if hint := foreignForm(text); hint != "" {
		return Rule{}, &RuleError{text, hint}
	}
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return Rule{}, &RuleError{text, "give a host and a port, as in example.com:443 or [2001:db8::1]:443"}
	}
	if strings.HasPrefix(text, "[") && !strings.Contains(host, ":") {
		return Rule{}, &RuleError{text, "brackets are for IPv6 addresses"}
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 || portText != strconv.FormatUint(port, 10) {
		return Rule{}, &RuleError{text, fmt.Sprintf("port %.20q is not a number from 1 to 65535", portText)}
	}
	rule, err := NewRule(host, uint16(port))
	if wrong, ok := errors.AsType[*RuleError](err); ok {
		return Rule{}, &RuleError{text, wrong.Reason}
	}
	return rule, err
}

// NewRule is ParseRule for a host without brackets and a port.
func NewRule(host string, port uint16) (Rule, error) {
	if port == 0 {
		return Rule{}, &RuleError{host, "port 0 is not a port"}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addressRule(addr, port)
	}
	name, reason := canonicalName(host)
	if reason != "" {
		return Rule{}, &RuleError{host, reason}
	}
	// Some digits of other scripts become plain ones only now.
	if addr, err := netip.ParseAddr(name); err == nil {
		return addressRule(addr, port)
	}
	if endsInNumber(name) {
		return Rule{}, &RuleError{host, "a host that ends in a number is an address, and this one is not written in full; write four decimal numbers, as in 192.0.2.1"}
	}
	return Rule{name, port}, nil
}

func addressRule(addr netip.Addr, port uint16) (Rule, error) {
	rule := Rule{addr.Unmap().String(), port}
	if addr.Zone() != "" {
		return Rule{}, &RuleError{addr.String(), "addresses with a zone belong to one link and cannot be granted"}
	}
	if reason := NeverGranted(addr); reason != "" {
		return Rule{}, &RuleError{addr.String(), reason + ", which no grant opens"}
	}
	return rule, nil
}

// foreignForm explains the forms that people write by habit.
func foreignForm(text string) string {
	switch {
	case text == "":
		return "it is empty; give a host and a port, as in example.com:443"
	case len(text) > 300:
		return "it is longer than a host name can be"
	case strings.Contains(text, "://"):
		return "leave out the scheme and the path; give a host and a port, as in example.com:443"
	case strings.ContainsAny(text, "*?"):
		return "wildcards are not supported; grant each name of its own"
	case strings.ContainsAny(text, "/@\\"):
		return "give a host and a port only, as in example.com:443"
	}
	return ""
}

// profile maps names as a resolver's user would: case, width, dots of other
// scripts; then it checks them as host names.
var profile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true),
	idna.CheckHyphens(false), idna.VerifyDNSLength(true))

// canonicalName brings a name into its single form, or says what is wrong.
func canonicalName(host string) (name, reason string) {
	// Bounded first: the mapping of long foreign text costs time.
	if len(host) == 0 || len(host) > 254 {
		return "", "a host name has 1 to 253 bytes"
	}
	name, err := profile.ToASCII(host)
	name = strings.TrimSuffix(name, ".")
	if err != nil || wrongLabels(name) {
		return "", notAName
	}
	// Mapping must have reached its end, else one place had two forms.
	if again, err := profile.ToASCII(name); err != nil || again != name {
		return "", notAName
	}
	return name, ""
}

// wrongLabels tells whether a part between dots is empty, or begins or ends with a
// dash, which the profile lets pass for the sake of dashes in the middle.
func wrongLabels(name string) bool {
	dotted := "." + name + "."
	return strings.Contains(dotted, "..") || strings.Contains(dotted, ".-") || strings.Contains(dotted, "-.")
}

const notAName = "it is not a host name: use letters, digits, dashes and dots"

// endsInNumber tells whether resolvers of the C library might take the name for
// an address in one of its old forms: 127.1, 0x7f000001, 2130706433.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if rest, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(rest, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// Addr returns the literal address of a rule; ok is false for a name.
func (r Rule) Addr() (addr netip.Addr, ok bool) {
	addr, err := netip.ParseAddr(r.Host)
	return addr, err == nil
}

// String returns "HOST:PORT", which ParseRule reads.
func (r Rule) String() string {
	return net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port)))
}

// Grant returns the grant that allows the rule, as it stands in a manifest,
// without its reason.
func (r Rule) Grant() string {
	return fmt.Sprintf(`{"kind": "net", "address": %q}`, r.String())
}
