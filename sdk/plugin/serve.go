// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// What follows is the plugin's side of hashicorp/go-plugin's gRPC protocol, as
// far as the host uses it: a cookie in the environment, a socket in a directory
// that the host names, one line on standard output, and gRPC with a health
// service and a way to be told to stop. The library itself would bring net/rpc,
// gob and templates into every plugin, which costs each start a millisecond.

// The variables of go-plugin, and the name by which it asks for health.
const (
	envSocketDir  = "PLUGIN_UNIX_SOCKET_DIR"
	envMinPort    = "PLUGIN_MIN_PORT"
	envMaxPort    = "PLUGIN_MAX_PORT"
	envClientCert = "PLUGIN_CLIENT_CERT"
	healthService = "plugin"
	coreProtocol  = 1
)

var errByHand = errors.New("this is a plugin of Bulkhead, which the host starts: try `bulkhead plugin describe PATH` or `bulkhead plugin test PATH`")

// serve runs a gRPC server until the host ends it.
func serve(p *pluginServer) error {
	if byHand() {
		return serveDebug(p)
	}
	if os.Getenv(handshake.MagicCookieKey) != handshake.MagicCookieValue {
		return errByHand
	}
	if os.Getenv(envClientCert) != "" {
		return errors.New("the host asks for TLS on the private socket, which this plugin does not speak")
	}
	signal.Ignore(os.Interrupt) // Ctrl-C is for the host, which drains
	for _, s := range p.services {
		if s, ok := s.(Starter); ok {
			if err := s.Start(); err != nil {
				return err
			}
		}
	}
	listener, err := listen()
	if err != nil {
		return fmt.Errorf("no socket to serve on: %w", err)
	}
	defer func() { _ = listener.Close() }()
	server := p.newServer(nil)
	p.register(server)
	healthy := health.NewServer()
	healthy.SetServingStatus(healthService, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, healthy)
	server.RegisterService(&controller, server)
	greet(listener.Addr())
	return server.Serve(listener)
}

// greet prints the handshake and leaves standard output to the log: what a
// plugin prints later is a line of log and not part of a protocol.
func greet(address net.Addr) {
	fmt.Printf("%d|%d|%s|%s|grpc\n", coreProtocol, handshake.ProtocolVersion, address.Network(), address)
	os.Stdout = os.Stderr
}

// listen opens the socket in the directory that the host named, or where there
// are no such sockets, a port of the loopback that it allows.
func listen() (net.Listener, error) {
	if runtime.GOOS == "windows" {
		return listenTCP(os.Getenv(envMinPort), os.Getenv(envMaxPort))
	}
	return net.Listen("unix", filepath.Join(os.Getenv(envSocketDir), "plugin-"+strconv.Itoa(os.Getpid())))
}

func listenTCP(least, most string) (net.Listener, error) {
	first, _ := strconv.ParseUint(least, 10, 16)
	last, _ := strconv.ParseUint(most, 10, 16)
	err := fmt.Errorf("no port between %d and %d is free", first, last)
	for port := first; port <= last; port++ {
		l, taken := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.FormatUint(port, 10)))
		if taken == nil {
			return l, nil
		}
		err = taken
	}
	return nil, err
}

// controller is go-plugin's service by which a host ends a plugin. Its messages
// are empty.
var controller = grpc.ServiceDesc{
	ServiceName: "plugin.GRPCController",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Shutdown", Handler: shutdown}},
	Metadata:    "grpc_controller.proto",
}

func shutdown(server any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	if err := decode(&emptypb.Empty{}); err != nil {
		return nil, err
	}
	go server.(*grpc.Server).GracefulStop() // it waits for this very answer
	return &emptypb.Empty{}, nil
}
