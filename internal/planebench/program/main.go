// SPDX-License-Identifier: Apache-2.0

// Program is the plugin that the benchmarks of the data plane run. With the
// variable BENCH_PLAIN it is a plugin of go-plugin as it comes instead.
package main

import (
	"context"
	"os"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/internal/planebench/work"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

func main() {
	if os.Getenv("BENCH_PLAIN") == "" {
		plugin.Serve(plugin.Info{Name: "bench", Version: "0.1.0"}, kernel.Serve(work.Kernels()...))
		return
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: handshake.ProtocolVersion, MagicCookieKey: handshake.MagicCookieKey, MagicCookieValue: handshake.MagicCookieValue,
		},
		Plugins: goplugin.PluginSet{"plain": plain{}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.MaxRecvMsgSize(64<<20))...)
		},
	})
}

type plain struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (plain) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&work.Plain, struct{}{})
	return nil
}

func (plain) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
