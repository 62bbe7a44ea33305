// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// holding is a service whose calls last until they are let go.
type holding struct {
	pluginv1.UnimplementedCheckerServiceServer
	pluginv1.UnimplementedKernelServiceServer
	entered, letGo chan struct{}
}

func newHolding() *holding {
	return &holding{entered: make(chan struct{}, 8), letGo: make(chan struct{})}
}

func (h *holding) Register(r grpc.ServiceRegistrar) {
	pluginv1.RegisterCheckerServiceServer(r, h)
	pluginv1.RegisterKernelServiceServer(r, h)
}

func (h *holding) Describe(out *pluginv1.DescribeResponse) {
	out.Checks = append(out.Checks, &pluginv1.CheckDescription{Code: "a.b"})
}

func (h *holding) Check(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	h.entered <- struct{}{}
	<-h.letGo
	return &pluginv1.CheckResponse{}, nil
}

func (h *holding) Fit(grpc.BidiStreamingServer[pluginv1.FitRequest, pluginv1.FitResponse]) error {
	h.entered <- struct{}{}
	<-h.letGo
	return nil
}

// dial serves a plugin over memory.
func dial(t *testing.T, info Info, services ...Service) *grpc.ClientConn {
	t.Helper()
	server, listener := NewServer(info, services...), bufconn.Listen(1<<20)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	conn, err := grpc.NewClient("passthrough:///plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
	})
	return conn
}

func TestDescribe(t *testing.T) {
	conn := dial(t, Info{Name: "x", Tables: func() map[string]string { return map[string]string{"b": "2", "a": "1"} }}, newHolding())
	d, err := pluginv1.NewPluginServiceClient(conn).Describe(t.Context(), &pluginv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if d.GetName() != "x" || d.GetVersion() != version.Version || d.GetSdkVersion() != version.Version || len(d.GetChecks()) != 1 {
		t.Errorf("got %v", d)
	}
	if tables := d.GetTables(); len(tables) != 2 || tables[0].GetName() != "a" || tables[1].GetVersion() != "2" {
		t.Errorf("tables %v", d.GetTables())
	}
}

// calls in hand of both kinds hold up a drain.
func TestDrainWaits(t *testing.T) {
	for name, call := range map[string]func(*grpc.ClientConn) error{
		"unary": func(conn *grpc.ClientConn) error {
			_, err := pluginv1.NewCheckerServiceClient(conn).Check(context.Background(), &pluginv1.CheckRequest{})
			return err
		},
		"stream": func(conn *grpc.ClientConn) error {
			stream, err := pluginv1.NewKernelServiceClient(conn).Fit(context.Background())
			if err == nil {
				_, err = stream.Recv()
			}
			return ignoreEnd(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHolding()
			conn := dial(t, Info{Name: "x"}, h)
			called, drained := make(chan error, 1), make(chan error, 1)
			go func() { called <- call(conn) }()
			<-h.entered
			go func() { drained <- drain(t.Context(), conn) }()
			select {
			case err := <-drained:
				t.Fatalf("Drain did not wait: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) { // until it drains
				if _, err := pluginv1.NewPluginServiceClient(conn).Describe(t.Context(), &pluginv1.DescribeRequest{}); err != nil {
					break
				}
			}
			if err := call(conn); status.Code(err) != codes.Unavailable {
				t.Errorf("a new call while draining: %v", err)
			}
			close(h.letGo)
			if err := <-called; err != nil {
				t.Errorf("the call in hand: %v", err)
			}
			if err := <-drained; err != nil {
				t.Errorf("Drain: %v", err)
			}
			if err := drain(t.Context(), conn); err != nil {
				t.Errorf("a second Drain: %v", err)
			}
		})
	}
}

func TestDrainGivesUpWithItsCaller(t *testing.T) {
	h := newHolding()
	defer close(h.letGo)
	conn := dial(t, Info{Name: "x"}, h)
	go func() {
		_, _ = pluginv1.NewCheckerServiceClient(conn).Check(context.Background(), &pluginv1.CheckRequest{})
	}()
	<-h.entered
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := drain(ctx, conn); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	g := &gate{calls: 1}
	if err := g.drain(ctx); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("the gate: %v", err)
	}
}

// Go-plugin's own long-lived streams must not keep a plugin from draining.
func TestWhatADrainWaitsFor(t *testing.T) {
	for method, want := range map[string]bool{
		pluginv1.KernelService_Fit_FullMethodName:        true,
		pluginv1.PluginService_Drain_FullMethodName:      false,
		"/plugin.GRPCStdio/StreamStdio":                  false,
		"/grpc.health.v1.Health/Watch":                   false,
		pluginv1.CheckerService_Check_FullMethodName:     true,
		pluginv1.CollectorService_Collect_FullMethodName: true,
	} {
		if counted(method) != want {
			t.Errorf("%s counts: %v", method, !want)
		}
	}
}

// A message over the bound is refused on the plugin's side too.
func TestMessagesAreBounded(t *testing.T) {
	conn := dial(t, Info{Name: "x"}, newHolding())
	_, err := pluginv1.NewCheckerServiceClient(conn).Check(t.Context(),
		&pluginv1.CheckRequest{Codes: []string{string(make([]byte, MaxMessageBytes+1))}})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
}

func drain(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := pluginv1.NewPluginServiceClient(conn).Drain(ctx, &pluginv1.DrainRequest{})
	return err
}

func ignoreEnd(err error) error {
	if err != nil && err.Error() == "EOF" {
		return nil
	}
	return err
}
