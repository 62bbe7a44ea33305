// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// locate turns the address that a plugin named into one that the host may dial.
// The closer keeps the address valid until it is called.
func locate(p *sandbox.Process, network, address string) (hostNetwork, hostAddress string, closer func(), err error) {
	name, reason := socketName(p.SocketDir(), network, address)
	if reason == "" {
		hostAddress, closer, err = openSocket(p, name)
		if err == nil {
			return "unix", hostAddress, closer, nil
		}
		reason = err.Error()
	}
	return "", "", nil, &AddressError{network, sanitize(address), reason}
}

// socketName returns the plain name of a socket in the plugin's own directory,
// or the reason why the address is refused.
func socketName(dir, network, address string) (name, reason string) {
	if network != "unix" {
		return "", "only a unix socket is allowed"
	}
	name, found := strings.CutPrefix(address, dir+"/")
	if !found || dir == "" {
		return "", "the socket must lie in the plugin's private directory"
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || len(name) > 100 {
		return "", "the socket must have a plain name"
	}
	return name, ""
}
