// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/network"
	sdk "github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

func TestAGrantedPlaceIsReached(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443", "other.example:80")
	conn := w.mustDial("example.com", 443)
	data := make([]byte, 3<<20)
	_, _ = rand.Read(data)
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = conn.Write(data)
		_ = conn.CloseWrite()
	})
	got, err := io.ReadAll(conn)
	sending.Wait()
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d of %d bytes came back, %v", len(got), len(data), err)
	}
	_ = conn.Close()
	_ = w.Close()
	size := uint64(len(data))
	want := []network.Usage{
		{Rule: sdk.Rule{Host: "example.com", Port: 443}, Dials: 1, BytesIn: size, BytesOut: size},
		{Rule: sdk.Rule{Host: "other.example", Port: 80}},
	}
	if usage := w.Usage(); !slices.Equal(usage, want) {
		t.Errorf("Usage = %+v, want %+v", usage, want)
	}
	if got := w.names.questions(); !slices.Equal(got, []string{"example.com."}) {
		t.Errorf("resolved %q; want the complete name, once", got)
	}
	if denials := w.Denials(); len(denials) != 0 {
		t.Errorf("Denials = %+v", denials)
	}
}

func TestAllFormsOfAGrantedNameAreTheSame(t *testing.T) {
	w := newWorld(t, network.Options{}, "bücher.example:443")
	w.names.set("xn--bcher-kva.example.", public)
	for _, host := range []string{"bücher.example", "BÜCHER.example.", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE"} {
		roundTrip(t, w.mustDial(host, 443), "hello")
	}
}

// What is not granted is not even resolved: asking must not tell anything to
// whoever serves a name.
func TestOnlyGrantedPlacesAreReached(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443", "192.0.2.7:80")
	asked := []struct {
		host string
		port uint16
	}{
		{"example.com", 80}, {"www.example.com", 443}, {"com", 443}, {"xexample.com", 443}, {"example.com.evil.example", 443},
		{"data-to-tell.evil.example", 443}, {public, 443}, {"192.0.2.7", 443}, {"192.0.2.8", 80}, {"localhost", 443}, {"127.0.0.1", 443},
		{"169.254.169.254", 80}, {"::1", 443}, {"*.example.com", 443}, {"*", 443}, {"example.com:443", 443}, {"example.com\x00", 443},
		{"https://example.com", 443}, {"\xff\xfe", 443}, {"0", 443}, {"[::1]", 443}, {" example.com", 443},
	}
	for _, a := range asked {
		reply, _ := w.dial(a.host, a.port)
		if reply.Status != door.NotGranted || reply.Text == "" {
			t.Errorf("%q port %d: %s: %s", a.host, a.port, reply.Status, reply.Text)
		}
	}
	if got := w.names.questions(); len(got) != 0 {
		t.Errorf("resolved %q", got)
	}
	if got := w.wires.targets(); len(got) != 0 {
		t.Errorf("dialled %q", got)
	}
	if got := len(w.Denials()); got != len(asked) {
		t.Errorf("%d denials, want %d", got, len(asked))
	}
}

func TestDenialsAreCountedWithTheirGrant(t *testing.T) {
	var logged []string
	w := newWorld(t, network.Options{Log: func(message string, args ...any) {
		logged = append(logged, fmt.Sprint(message, args))
	}}, "example.com:443")
	for range 3 {
		w.dial("Huggingface.CO", 443)
	}
	w.dial("evil\n.example", 443)
	_ = w.Close()
	denials := w.Denials()
	if len(denials) != 2 {
		t.Fatalf("Denials = %+v", denials)
	}
	first := denials[0]
	if first.Address != "huggingface.co:443" || first.Count != 3 || first.Status != door.NotGranted || first.Reason == "" {
		t.Errorf("denial %+v", first)
	}
	if got := first.Grant(); !strings.Contains(got, `"net"`) || !strings.Contains(got, `"huggingface.co:443"`) {
		t.Errorf("Grant = %s", got)
	}
	if got := denials[1]; got.Address != `"evil\n.example":443` || got.Grant() != "" {
		t.Errorf("denial %+v with grant %q", got, got.Grant())
	}
	if len(logged) != 2 || !strings.Contains(logged[0], "huggingface.co:443") {
		t.Errorf("logged %q; want each kind once", logged)
	}
}

func TestDenialsAreBounded(t *testing.T) {
	w := newWorld(t, network.Options{DialsPerSecond: 1e6}, "example.com:443")
	for i := range 100 {
		w.dial(fmt.Sprintf("host%d.example", i), 443)
	}
	denials := w.Denials()
	if last := denials[len(denials)-1]; len(denials) != 65 || last.Count != 36 || last.Address != "" {
		t.Errorf("%d denials, the last is %+v", len(denials), last)
	}
}

func TestAPluginMayHoldOnlySoManyConnections(t *testing.T) {
	w := newWorld(t, network.Options{MaxConnections: 3}, "example.com:443")
	var held []net.Conn
	for range 3 {
		held = append(held, w.mustDial("example.com", 443))
	}
	reply, _ := w.dial("example.com", 443)
	if reply.Status != door.Busy || !strings.Contains(reply.Text, "3 connections") {
		t.Fatalf("the fourth: %s: %s", reply.Status, reply.Text)
	}
	for _, c := range held {
		roundTrip(t, c, "still here")
	}
	closedForGood(t, held[0].(*net.UnixConn))
	deadline := time.Now().Add(time.Minute)
	for reply.Status != door.Connected && time.Now().Before(deadline) {
		reply, _ = w.dial("example.com", 443)
	}
	if reply.Status != door.Connected {
		t.Errorf("after one was closed: %s: %s", reply.Status, reply.Text)
	}
}

// closedForGood ends a connection in an orderly way.
func closedForGood(t *testing.T, c *net.UnixConn) {
	t.Helper()
	_ = c.CloseWrite()
	if rest, err := io.ReadAll(c); err != nil || len(rest) != 0 {
		t.Fatalf("the end came as %q, %v", rest, err)
	}
	_ = c.Close()
}

func TestRequestsAreReadAtABoundedRate(t *testing.T) {
	w := newWorld(t, network.Options{DialsPerSecond: 50, MaxConnections: 10}, "example.com:443")
	began := time.Now()
	for range 30 {
		w.dial("not.granted.example", 443)
	}
	// 10 at once, 20 more at 50 a second: 0.4 s.
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("30 requests were answered in %v", took)
	}
}

func TestClosingTheDoorEndsEverything(t *testing.T) {
	for name, end := range map[string]func(*world){
		"by the host":   func(w *world) { _ = w.Close() },
		"by the plugin": func(w *world) { _ = w.plugin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, network.Options{}, "example.com:443")
			conns := []net.Conn{w.mustDial("example.com", 443), w.mustDial("example.com", 443)}
			end(w)
			if err := w.ended(); err != nil {
				t.Errorf("Serve returned %v", err)
			}
			for _, c := range conns {
				closedSoon(t, c)
			}
		})
	}
}

func TestTheContextEndsServe(t *testing.T) {
	leakFree(t)
	d := open(t, network.Options{}, "example.com:443")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the run is over")
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	if err := d.Serve(ctx); !errors.Is(err, why) {
		t.Errorf("Serve returned %v", err)
	}
}

// A door whose plugin has died ends by itself once the host has let go of its copy.
func TestADeadPluginEndsServe(t *testing.T) {
	leakFree(t)
	d := open(t, network.Options{}, "example.com:443")
	d.Started()
	if err := d.Serve(t.Context()); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestADoorIsServedOnce(t *testing.T) {
	leakFree(t)
	d := open(t, network.Options{}, "example.com:443")
	d.Started()
	_ = d.Serve(t.Context())
	if err := d.Serve(t.Context()); err == nil {
		t.Error("served twice")
	}
	closed := open(t, network.Options{})
	_, _ = closed.Close(), closed.Close()
	if err := closed.Serve(t.Context()); err == nil {
		t.Error("served after Close")
	}
}

func TestOpenRefusesImpossibleRules(t *testing.T) {
	leakFree(t)
	for _, rules := range [][]sdk.Rule{
		{{Host: "169.254.169.254", Port: 80}}, {{Host: "example.com"}}, {{Host: "*.example.com", Port: 443}}, make([]sdk.Rule, network.MaxRules+1),
	} {
		if d, err := network.Open(rules, network.Options{}); err == nil {
			_ = d.Close()
			t.Errorf("%d rules, the first %+v, were accepted", len(rules), rules[0])
		}
	}
	// A rule written by hand is brought into its single form, and counts once.
	d, err := network.Open([]sdk.Rule{{Host: "Example.COM.", Port: 443}, {Host: "example.com", Port: 443}}, network.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if usage := d.Usage(); len(usage) != 1 || usage[0].Rule.Host != "example.com" {
		t.Errorf("Usage = %+v", usage)
	}
}
