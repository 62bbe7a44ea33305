// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// The owner of a granted name must not be able to point it into the machine or
// the networks around it.
func TestNamesDoNotLeadInside(t *testing.T) {
	w := newWorld(t, network.Options{DialsPerSecond: 1e6}, "example.com:443")
	for addr, words := range map[string]string{
		"127.0.0.1": "loopback", "127.8.9.10": "loopback", "::1": "loopback", "::ffff:127.0.0.1": "loopback", "64:ff9b::7f00:1": "loopback",
		"169.254.169.254": "link-local", "::ffff:169.254.169.254": "link-local", "fe80::1": "link-local", "fe80::1%lo": "one link",
		"fd00:ec2::254": "metadata", "100.100.100.200": "metadata", "168.63.129.16": "metadata",
		"0.0.0.0": "unspecified", "::": "unspecified", "224.0.0.1": "multicast", "ff02::1": "multicast", "255.255.255.255": "broadcast",
		"10.0.0.1": "private", "172.16.0.1": "private", "192.168.0.1": "private", "100.64.0.1": "private", "fd12:3456::1": "private",
		"2002:7f00:1::": "IPv6 form", "::127.0.0.1": "old IPv6 form", "2001:0:7f00:1::": "IPv6 form",
	} {
		w.names.set("example.com.", addr)
		reply, _ := w.dial("example.com", 443)
		if reply.Status != door.Forbidden || !strings.Contains(reply.Text, words) {
			t.Errorf("to %s: %s: %s; want forbidden for %q", addr, reply.Status, reply.Text, words)
		}
	}
	if got := w.wires.targets(); len(got) != 0 {
		t.Errorf("dialled %q", got)
	}
	denials := w.Denials()
	if len(denials) != 1 || denials[0].Status != door.Forbidden || denials[0].Count != 25 || denials[0].Grant() != "" {
		t.Errorf("Denials = %+v", denials)
	}
}

// What was checked is what is dialled: a name that changes its mind between the
// two has no effect, and one that changes between requests is checked anew.
func TestRebinding(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443")
	w.wires.set("127.0.0.1:443", echo(t))
	roundTrip(t, w.mustDial("example.com", 443), "hello")
	w.names.set("example.com.", "127.0.0.1")
	if reply, _ := w.dial("example.com", 443); reply.Status != door.Forbidden {
		t.Errorf("after the name has moved: %s", reply.Status)
	}
	w.names.set("example.com.", "127.0.0.1", "10.0.0.1", public)
	roundTrip(t, w.mustDial("example.com", 443), "hello")
	if got := w.wires.targets(); !slices.Equal(got, []string{public + ":443", public + ":443"}) {
		t.Errorf("dialled %q", got)
	}
}

func TestLiteralAddressesAndLocalhostLeadInside(t *testing.T) {
	w := newWorld(t, network.Options{}, "127.0.0.1:5000", "10.1.2.3:80", "[fd12::1]:80", "localhost:8080")
	server := echo(t)
	for _, target := range []string{"127.0.0.1:5000", "10.1.2.3:80", "[fd12::1]:80", "[::1]:8080"} {
		w.wires.set(target, server)
	}
	roundTrip(t, w.mustDial("127.0.0.1", 5000), "a")
	roundTrip(t, w.mustDial("10.1.2.3", 80), "b")
	roundTrip(t, w.mustDial("fd12:0::1", 80), "c")
	roundTrip(t, w.mustDial("LOCALHOST", 8080), "d") // refused at 127.0.0.1, there at ::1
	if got := w.names.questions(); len(got) != 0 {
		t.Errorf("resolved %q", got)
	}
}

func TestAnOperatorMayAdmitPrivateAnswers(t *testing.T) {
	w := newWorld(t, network.Options{PrivateAnswers: true}, "mirror.corp.example:443")
	w.wires.set("10.1.2.3:443", echo(t))
	w.names.set("mirror.corp.example.", "10.1.2.3")
	roundTrip(t, w.mustDial("mirror.corp.example", 443), "hello")
	for _, addr := range []string{"127.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254"} {
		w.names.set("mirror.corp.example.", addr)
		if reply, _ := w.dial("mirror.corp.example", 443); reply.Status != door.Forbidden {
			t.Errorf("to %s: %s", addr, reply.Status)
		}
	}
}

func TestPlacesThatAreNotThere(t *testing.T) {
	// A place that answers must be able to within the time for one that does not.
	for limit := 300 * time.Millisecond; ; limit *= 2 {
		wrong := placesThatAreNotThere(t, limit)
		if wrong == nil {
			return
		}
		if limit > 20*time.Second {
			t.Fatal(wrong)
		}
	}
}

func placesThatAreNotThere(t *testing.T, limit time.Duration) error {
	w := newWorld(t, network.Options{DialTimeout: limit},
		"gone.example:443", "down.example:443", "silent.example:443", "second.example:443", "registry:5000")
	w.names.set("down.example.", public)
	w.names.set("silent.example.", "93.184.216.35")
	w.names.set("second.example.", "93.184.216.35", "2606:4700::1111", public)
	w.names.set("registry", "93.184.216.36")
	w.wires.cut(public + ":443")
	w.wires.set("93.184.216.35:443", "")
	for host, want := range map[string]door.Reply{
		"gone.example":   {Status: door.NotFound, Text: "the name gone.example has no address"},
		"down.example":   {Status: door.Unreachable, Text: "93.184.216.34:443: connection refused"},
		"silent.example": {Status: door.Unreachable, Text: "93.184.216.35:443: no answer in time"},
	} {
		reply, _ := w.dial(host, 443)
		if reply.Status != want.Status || reply.Text != want.Text {
			return fmt.Errorf("%s: %s: %q, want %s: %q", host, reply.Status, reply.Text, want.Status, want.Text)
		}
	}
	w.wires.set(public+":443", echo(t))
	w.wires.set("93.184.216.36:5000", echo(t))
	for host, port := range map[string]uint16{"second.example": 443, "registry": 5000} { // the third address, and a single word
		reply, conn := w.dial(host, port)
		if conn == nil {
			return fmt.Errorf("%s: %s: %q", host, reply.Status, reply.Text)
		}
		roundTrip(t, conn, "hello")
	}
	if denials := w.Denials(); len(denials) != 0 {
		t.Errorf("places that are down count as denied: %+v", denials)
	}
	return nil
}

// stuck is a resolver that answers when its context ends.
type stuck struct{}

func (stuck) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, &net.DNSError{Err: "i/o timeout", Server: "10.9.8.7:53", IsTimeout: true}
}

func TestResolvingIsBoundedInTime(t *testing.T) {
	w := newWorld(t, network.Options{Resolver: stuck{}, DialTimeout: 50 * time.Millisecond}, "example.com:443")
	reply, _ := w.dial("example.com", 443)
	if reply.Status != door.NotFound || !strings.Contains(reply.Text, "in time") || strings.Contains(reply.Text, "10.9.8.7") {
		t.Errorf("%s: %s", reply.Status, reply.Text)
	}
}

func TestClosingInterruptsDials(t *testing.T) {
	w := newWorld(t, network.Options{DialTimeout: time.Hour}, "example.com:443", "silent.example:443")
	w.names.set("silent.example.", "93.184.216.35")
	w.wires.set("93.184.216.35:443", "")
	for range 5 {
		w.ask("silent.example", 443)
	}
	// Others are served meanwhile.
	roundTrip(t, w.mustDial("example.com", 443), "hello")
	began := time.Now()
	if err := errors.Join(w.Close(), w.ended()); err != nil || time.Since(began) > time.Minute {
		t.Errorf("closing took %v and gave %v", time.Since(began), err)
	}
}
