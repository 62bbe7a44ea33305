// SPDX-License-Identifier: Apache-2.0

// Package plugin is the one call in a plugin's main.
//
//	func main() {
//		plugin.Serve(plugin.Info{Name: "hello", Version: "0.1.0"}, check.Serve(hello))
//	}
//
// A plugin is one executable that serves any number of collectors, checks and
// kernels: a family, not a single one, because a process costs milliseconds
// and one more check in it costs a tenth of one. The host starts it without
// environment, standard input, network or files other than those granted, and
// speaks bulkhead.plugin.v1 over a private socket.
//
// Standard output belongs to the handshake. Log with Logger, which writes
// lines that the host attributes to the plugin.
package plugin

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel/codec"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// MaxMessageBytes bounds every gRPC message in both directions. Tables are cut
// into batches well below it.
const MaxMessageBytes = 16 << 20

// Info names a plugin.
type Info struct {
	// Name in lower-case letters, digits and dashes.
	Name string
	// Version is semantic; empty means that of the SDK.
	Version string
	// Tables lists the knowledge tables that the plugin carries, name to version;
	// nil for none. It is asked when the plugin describes itself, which a host
	// that knows the executable spares it.
	Tables func() map[string]string
}

// Service is one part of a plugin: collectors, checks or kernels. The packages
// fact, check and kernel make them.
type Service interface {
	// Register adds the part's gRPC services.
	Register(grpc.ServiceRegistrar)
	// Describe adds the part to the plugin's description.
	Describe(*pluginv1.DescribeResponse)
}

// Starter is a service that has something to do before the plugin greets the host.
type Starter interface {
	Start() error
}

// Serve runs the plugin until the host stops it. It never returns.
func Serve(info Info, services ...Service) {
	collectLate()
	if err := serve(&pluginServer{info: info, services: services}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// collectLate trades memory for time: most plugins live for a fraction of a
// second and end before the collector would have paid for itself. Below the
// host's usual limit of private memory it works as hard as it must.
func collectLate() {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(384 << 20)
}

// NewServer returns a gRPC server that serves the whole plugin, without the
// process around it: the way to test a plugin over an in-memory connection.
func NewServer(info Info, services ...Service) *grpc.Server {
	p := &pluginServer{info: info, services: services}
	server := p.newServer(nil)
	p.register(server)
	return server
}

// Logger returns the plugin's logger. The host reads its lines as JSON.
var Logger = sync.OnceValue(func() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: os.Stderr, JSONFormat: true})
})

type pluginServer struct {
	pluginv1.UnimplementedPluginServiceServer
	info     Info
	services []Service
	gate     gate
}

// window is how much the host may send before it hears from the plugin. A fixed one
// spares the first calls the pings by which gRPC otherwise measures the delay of the
// connection; on one machine there is none.
const window = 1 << 20

// newServer bounds messages both ways and counts calls for Drain.
func (p *pluginServer) newServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.ForceServerCodecV2(codec.New()),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
		grpc.NumStreamWorkers(1), // one grown stack serves the calls that come one after another
		grpc.ChainUnaryInterceptor(p.gate.unary),
		grpc.ChainStreamInterceptor(p.gate.stream),
	)...)
}

func (p *pluginServer) register(server grpc.ServiceRegistrar) {
	for _, s := range p.services {
		s.Register(server)
	}
	pluginv1.RegisterPluginServiceServer(server, p)
}

func (p *pluginServer) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	out := &pluginv1.DescribeResponse{
		Name:       p.info.Name,
		Version:    cmp.Or(p.info.Version, version.Version),
		SdkVersion: version.Version,
		Tables:     p.info.tables(),
	}
	for _, s := range p.services {
		s.Describe(out)
	}
	return out, nil
}

// Drain refuses new calls and returns when those in hand have ended.
func (p *pluginServer) Drain(ctx context.Context, _ *pluginv1.DrainRequest) (*pluginv1.DrainResponse, error) {
	return &pluginv1.DrainResponse{}, p.gate.drain(ctx)
}
