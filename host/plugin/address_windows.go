// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"net"
	"net/netip"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// locate accepts a loopback address in go-plugin's range of ports, which is how
// go-plugin serves on this system.
func locate(_ *sandbox.Process, network, address string) (hostNetwork, hostAddress string, closer func(), err error) {
	addr, err := netip.ParseAddrPort(address)
	if network != "tcp" || err != nil || !addr.Addr().IsLoopback() || addr.Port() < firstPort || addr.Port() > lastPort {
		return "", "", nil, &AddressError{network, sanitize(address), "only a loopback address with a port from 10000 to 25000 is allowed"}
	}
	return "tcp", addr.String(), func() {}, nil
}

// checkPeer cannot tell who serves a TCP port; the sandbox report says so.
func checkPeer(net.Conn, int) error { return nil }
