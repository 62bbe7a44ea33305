// SPDX-License-Identifier: Apache-2.0

// The smallest plugin with hashicorp/go-plugin: health and nothing else.
package main

import (
	"context"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

type nothing struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (nothing) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (nothing) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func main() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: handshake.ProtocolVersion, MagicCookieKey: handshake.MagicCookieKey, MagicCookieValue: handshake.MagicCookieValue,
		},
		Plugins: goplugin.PluginSet{"nothing": nothing{}}, GRPCServer: goplugin.DefaultGRPCServer, Logger: hclog.NewNullLogger(),
	})
}
