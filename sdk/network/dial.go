// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// Dial asks the host for a connection to "HOST:PORT". The network must be "tcp".
// Addresses are compared in the form of [ParseRule], so "Example.COM.:443" is
// "example.com:443". When ctx ends before the host has answered, Dial returns;
// afterwards ctx has no part in the connection.
//
// Errors are [NotGrantedError], [RefusedError], [ErrNoDoor], [ErrDoorClosed],
// or ctx's. The connection supports CloseWrite and deadlines. Its far end may
// vanish without an error: a connection that broke on the host's side reads as
// ended, so protocols must know where their messages end, as TLS and HTTP do.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" {
		return nil, fmt.Errorf("network: %.20q is not supported; grants are for tcp", network)
	}
	host, port, err := split(address)
	if err != nil {
		return nil, err
	}
	c, err := inherited()
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w; grant needed: %s", address, err, grantFor(address))
	}
	return c.dial(ctx, address, host, port)
}

// DialContext is Dial under the name that http.Transport and others know.
func DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return Dial(ctx, network, address)
}

// split takes an address apart only as far as a request needs it: what is
// granted is for the host to say.
func split(address string) (host string, port uint16, err error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, &RuleError{address, "give a host and a port, as in example.com:443"}
	}
	number, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || number == 0 {
		return "", 0, &RuleError{address, fmt.Sprintf("port %.20q is not a number from 1 to 65535", portText)}
	}
	return host, uint16(number), nil
}

func grantFor(address string) string {
	if rule, err := ParseRule(address); err == nil {
		return rule.Grant()
	}
	return `one of kind "net"`
}

// inherited is the door that this process was started with.
var inherited = sync.OnceValues(func() (*client, error) { return openDoor(os.Getenv(door.EnvFD)) })

// openDoor takes over the descriptor whose number the host has set.
func openDoor(number string) (*client, error) {
	if number == "" {
		return nil, ErrNoDoor
	}
	fd, err := strconv.ParseUint(number, 10, 31)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%w: %s=%.20q names no descriptor", ErrNoDoor, door.EnvFD, number)
	}
	file := os.NewFile(uintptr(fd), "network door")
	if file == nil {
		return nil, fmt.Errorf("%w: %s=%.20q names no descriptor", ErrNoDoor, door.EnvFD, number)
	}
	conn, err := door.NewConn(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %s=%s: %w", ErrNoDoor, door.EnvFD, number, err)
	}
	return newClient(conn), nil
}
