// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// TestPluginWithoutHello: one that does not know of the data socket gets messages.
func TestPluginWithoutHello(t *testing.T) {
	side, err := dataplane.NewSide(dataplane.SideOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	k := dataplane.New(connect(t, plugin.NewServer(plugin.Info{Name: "test"}, kernel.Serve(acting("plus", plus(1))))), dataplane.Options{Side: side})
	contractSums(t, k)
}

// contractSums moves a table and looks at it.
func contractSums(t *testing.T, k dataplane.Kernel) {
	t.Helper()
	var h harvest
	o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "plus", Schema: schema, RowWise: true}, nil, input(3, 100, nil), h.output())
	if err != nil || o.Failed() || len(h.values) != 300 || h.values[299] != 300 {
		t.Errorf("%d rows, %s", len(h.values), said(o, err))
	}
}

// TestCallsBeyondTheMemory go in messages, and all at the same time.
func TestCallsBeyondTheMemory(t *testing.T) {
	service := kernel.Serve(acting("plus", plus(1)))
	side, err := dataplane.NewSide(dataplane.SideOptions{Slots: 1, MaxBytes: 20 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(side.Close)
	if err := service.Share(side.Child()); err != nil {
		t.Fatal(err)
	}
	k := dataplane.New(connect(t, plugin.NewServer(plugin.Info{Name: "test"}, service)), dataplane.Options{Side: side})
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			contractSums(t, k)
		}()
	}
	for range 8 {
		<-done
	}
	if n := open(t).maps; n > 4*2 { // of this test, both ends, and of what ends just now
		t.Errorf("%d arenas are mapped", n)
	}
}

// TestClosedSide: calls go on in messages, and closing twice is fine.
func TestClosedSide(t *testing.T) {
	service := kernel.Serve(acting("plus", plus(1)))
	s := side(t, service)
	k := dataplane.New(connect(t, plugin.NewServer(plugin.Info{Name: "test"}, service)), dataplane.Options{Side: s})
	contractSums(t, k)
	s.Close()
	s.Close()
	contractSums(t, k)
}

// TestDeafPlugin: one that said hello and never reads its data socket does not
// stop the host.
func TestDeafPlugin(t *testing.T) {
	s, err := dataplane.NewSide(dataplane.SideOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := arena.NewConn(s.Child())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Send(arena.Message{Kind: arena.Hello}); err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pluginv1.RegisterKernelServiceServer(server, answer(result(&pluginv1.Result{})))
	k := dataplane.New(connect(t, server), dataplane.Options{Side: s})
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := make([]dataplane.File, 300) // more than the socket holds
	for i := range files {
		files[i] = dataplane.File{Name: "input", File: f}
	}
	done := make(chan error, 1)
	go func() {
		_, err := k.Transform(t.Context(), dataplane.Open{Kernel: "x", Schema: schema, Files: files}, nil, nil, dataplane.Output{})
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("error %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the host waits")
	}
}
