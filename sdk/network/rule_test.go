// SPDX-License-Identifier: Apache-2.0

package network_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/network"
)

func TestOnePlaceHasOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"example.com:443":              "example.com:443",
		"EXAMPLE.Com.:443":             "example.com:443",
		"ExAmPlE。com:443":              "example.com:443",
		"example.com。:443":             "example.com:443",
		"ｅｘａｍｐｌｅ.com:443":              "example.com:443",
		"bücher.example:80":            "xn--bcher-kva.example:80",
		"BÜCHER.example:80":            "xn--bcher-kva.example:80",
		"xn--bcher-kva.example:80":     "xn--bcher-kva.example:80",
		"XN--BCHER-KVA.example:80":     "xn--bcher-kva.example:80",
		"r3---sn-a.example:1":          "r3---sn-a.example:1",
		"localhost:8080":               "localhost:8080",
		"registry:5000":                "registry:5000",
		"192.0.2.1:65535":              "192.0.2.1:65535",
		"１９２.0.2.1:9":                  "192.0.2.1:9",
		"127.0.0.1:8080":               "127.0.0.1:8080",
		"10.1.2.3:22":                  "10.1.2.3:22",
		"[2001:DB8:0:0::1]:443":        "[2001:db8::1]:443",
		"[::ffff:192.0.2.1]:443":       "192.0.2.1:443",
		"[::1]:8080":                   "[::1]:8080",
		strings.Repeat("a", 63) + ":1": strings.Repeat("a", 63) + ":1",
	} {
		rule, err := network.ParseRule(text)
		if err != nil {
			t.Errorf("ParseRule(%q): %v", text, err)
			continue
		}
		if rule.String() != want {
			t.Errorf("ParseRule(%q) = %q, want %q", text, rule, want)
		}
		if again, err := network.ParseRule(rule.String()); err != nil || again != rule {
			t.Errorf("ParseRule(%q) = %v, %v", rule.String(), again, err)
		}
	}
}

func TestTextsThatNameNoPlace(t *testing.T) {
	for text, reason := range map[string]string{
		"":                               "it is empty",
		"example.com":                    "give a host and a port",
		"example.com:":                   "is not a number from 1 to 65535",
		":443":                           "1 to 253 bytes",
		".:443":                          "not a host name",
		"example.com:https":              "is not a number from 1 to 65535",
		"example.com:0":                  "is not a number from 1 to 65535",
		"example.com:65536":              "is not a number from 1 to 65535",
		"example.com:+443":               "is not a number from 1 to 65535",
		"example.com:0443":               "is not a number from 1 to 65535",
		"example.com:443-445":            "is not a number from 1 to 65535",
		"https://example.com:443":        "leave out the scheme",
		"example.com/path:443":           "a host and a port only",
		"user@example.com:443":           "a host and a port only",
		"*.example.com:443":              "wildcards are not supported",
		"*:443":                          "wildcards are not supported",
		"exa mple.com:443":               "not a host name",
		"exam_ple.com:443":               "not a host name",
		"-a.example:443":                 "not a host name",
		"a-.example:443":                 "not a host name",
		"a.-example:443":                 "not a host name",
		"a..example:443":                 "not a host name",
		"a.example..:443":                "not a host name",
		"a\x00.example:443":              "not a host name",
		"xn--a.example:443":              "not a host name",
		strings.Repeat("a", 64) + ":1":   "not a host name",
		strings.Repeat("a.", 127) + ":1": "",
		strings.Repeat("a.", 130) + ":1": "1 to 253 bytes",
		strings.Repeat("a", 301):         "longer than a host name",
		"[example.com]:443":              "brackets are for IPv6",
		"2001:db8::1:443":                "give a host and a port",
		"[fe80::1%eth0]:80":              "zone",
		"127.1:80":                       "ends in a number",
		"2130706433:80":                  "ends in a number",
		"0x7f000001:80":                  "ends in a number",
		"127.0.0.0x1:80":                 "ends in a number",
		"0177.0.0.1:80":                  "ends in a number",
		"1.2.3.4.5:80":                   "ends in a number",
		"169.254.169.254:80":             "link-local",
		"[::ffff:169.254.169.254]:80":    "link-local",
		"[64:ff9b::a9fe:a9fe]:80":        "link-local",
		"[::169.254.169.254]:80":         "old IPv6 form",
		"[2002:a9fe:a9fe::]:80":          "IPv4 address in IPv6 form",
		"[fe80::1]:80":                   "link-local",
		"[fd00:ec2::254]:80":             "metadata",
		"100.100.100.200:80":             "metadata",
		"168.63.129.16:80":               "metadata",
		"0.0.0.0:80":                     "unspecified",
		"[::]:80":                        "unspecified",
		"224.0.0.1:80":                   "multicast",
		"[ff02::1]:80":                   "multicast",
		"255.255.255.255:80":             "broadcast",
	} {
		rule, err := network.ParseRule(text)
		if reason == "" {
			if err != nil {
				t.Errorf("ParseRule(%.30q): %v", text, err)
			}
			continue
		}
		wrong, ok := errors.AsType[*network.RuleError](err)
		if !ok || !strings.Contains(wrong.Reason, reason) || wrong.Text != text {
			t.Errorf("ParseRule(%.30q) = %v, %v; want an error with %q", text, rule, err, reason)
		}
	}
}

func TestNewRuleTakesHostsWithoutBrackets(t *testing.T) {
	if r, err := network.NewRule("2001:db8::1", 443); err != nil || r.String() != "[2001:db8::1]:443" {
		t.Errorf("NewRule = %v, %v", r, err)
	}
	if r, err := network.NewRule("example.com", 0); err == nil {
		t.Errorf("port 0 became %v", r)
	}
}

func TestRulesTellTheirAddressAndGrant(t *testing.T) {
	rule, err := network.ParseRule("[2001:db8::1]:443")
	if err != nil {
		t.Fatal(err)
	}
	if addr, ok := rule.Addr(); !ok || addr != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("Addr = %v, %v", addr, ok)
	}
	if _, ok := (network.Rule{Host: "example.com", Port: 1}).Addr(); ok {
		t.Error("a name is an address")
	}
	if got := rule.Grant(); !strings.HasPrefix(got, `{"kind": "net", `) || !strings.Contains(got, `"[2001:db8::1]:443"`) {
		t.Errorf("Grant = %s", got)
	}
}

func TestKindsOfAddresses(t *testing.T) {
	for text, want := range map[string]struct{ never, private, loopback bool }{
		"93.184.216.34":      {},
		"2606:4700::1111":    {},
		"127.0.0.1":          {private: true, loopback: true},
		"127.255.1.2":        {private: true, loopback: true},
		"::1":                {private: true, loopback: true},
		"::ffff:127.0.0.1":   {private: true, loopback: true},
		"64:ff9b::7f00:1":    {private: true, loopback: true},
		"64:ff9b::5db8:d822": {},
		"10.0.0.1":           {private: true},
		"172.31.255.255":     {private: true},
		"172.32.0.1":         {},
		"192.168.1.1":        {private: true},
		"100.64.0.1":         {private: true},
		"fd12::1":            {private: true},
		"64:ff9b::a00:1":     {private: true},
		"169.254.0.1":        {never: true},
		"fe80::1%1":          {never: true},
		"0.1.2.3":            {never: true},
		"2001:0:1::1":        {never: true},
	} {
		addr := netip.MustParseAddr(text)
		if got := network.NeverGranted(addr); (got != "") != want.never {
			t.Errorf("NeverGranted(%s) = %q", text, got)
		}
		if got := network.Private(addr); (got != "") != want.private {
			t.Errorf("Private(%s) = %q", text, got)
		}
		if network.Loopback(addr) != want.loopback {
			t.Errorf("Loopback(%s) = %v", text, !want.loopback)
		}
	}
	if network.NeverGranted(netip.Addr{}) == "" || network.Private(netip.Addr{}) != "" || network.Loopback(netip.Addr{}) {
		t.Error("the zero address is taken for one")
	}
}

func FuzzParseRule(f *testing.F) {
	for _, seed := range []string{"example.com:443", "[::1]:1", "bücher.example.:80", "xn--bcher-kva.example:80", "１27.0.0.1:1", "0x7f.1:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := network.ParseRule(text)
		if err != nil {
			if _, ok := errors.AsType[*network.RuleError](err); !ok {
				t.Fatalf("error %v is no *RuleError", err)
			}
			return
		}
		if again, err := network.ParseRule(rule.String()); err != nil || again != rule {
			t.Fatalf("%q gave %v, which gave %v, %v", text, rule, again, err)
		}
		if addr, ok := rule.Addr(); ok && network.NeverGranted(addr) != "" {
			t.Fatalf("%q grants %v", text, addr)
		}
		if strings.Trim(rule.Host, "abcdefghijklmnopqrstuvwxyz0123456789-.:") != "" {
			t.Fatalf("%q gave the host %q", text, rule.Host)
		}
	})
}
