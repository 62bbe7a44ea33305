// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// gate counts the calls in hand and closes on Drain: calls that come later are
// refused, and Drain returns when the last one before it has ended.
type gate struct {
	mu      sync.Mutex
	calls   int
	drained chan struct{}
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drained != nil {
		return status.Error(codes.Unavailable, "the plugin is draining and takes no new calls")
	}
	g.calls++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls--
	g.release()
}

// release wakes Drain when nothing is in hand. The caller holds the lock.
func (g *gate) release() {
	if g.drained == nil || g.calls > 0 {
		return
	}
	select {
	case <-g.drained:
	default:
		close(g.drained)
	}
}

// drain closes the gate and waits for the calls in hand.
func (g *gate) drain(ctx context.Context) error {
	g.mu.Lock()
	if g.drained == nil {
		g.drained = make(chan struct{})
	}
	done := g.drained
	g.release()
	g.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// counted reports whether calls to method hold up a drain: those of the
// plugin's own work, not Drain itself nor go-plugin's long-lived streams.
func counted(method string) bool {
	switch method {
	case pluginv1.PluginService_Describe_FullMethodName,
		pluginv1.CollectorService_Collect_FullMethodName,
		pluginv1.CheckerService_Check_FullMethodName,
		pluginv1.KernelService_Validate_FullMethodName,
		pluginv1.KernelService_Fit_FullMethodName,
		pluginv1.KernelService_Transform_FullMethodName,
		pluginv1.KernelService_Undo_FullMethodName:
		return true
	}
	return false
}

func (g *gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if !counted(info.FullMethod) {
		return handle(ctx, req)
	}
	if err := g.enter(); err != nil {
		return nil, err
	}
	defer g.leave()
	return handle(ctx, req)
}

func (g *gate) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if !counted(info.FullMethod) {
		return handle(srv, ss)
	}
	if err := g.enter(); err != nil {
		return err
	}
	defer g.leave()
	return handle(srv, ss)
}
