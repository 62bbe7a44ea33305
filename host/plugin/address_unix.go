// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// locate turns the address that a plugin named into one that the host may dial.
// The closer keeps the address valid until it is called.
func locate(p *sandbox.Process, network, address string) (hostNetwork, hostAddress string, closer func(), err error) {
	name, reason := socketName(p.SocketDir(), network, address)
	if reason == "" {
		hostAddress, closer, err = awaitSocket(p, name)
		if err == nil {
			return "unix", hostAddress, closer, nil
		}
		reason = err.Error()
	}
	return "", "", nil, &AddressError{network, sanitize(address), reason}
}

// socketNear is how long the socket of a plugin that lives may take to be there. A
// program whose walls could not be verified is ended and started once more, and may
// have printed its handshake before: the one that runs has then not come so far.
const socketNear = 5 * time.Second

// awaitSocket opens the socket as soon as it is there.
func awaitSocket(p *sandbox.Process, name string) (address string, closer func(), err error) {
	address, closer, err = openSocket(p, name)
	for begin := time.Now(); errors.Is(err, fs.ErrNotExist) && time.Since(begin) < socketNear && !within(p.Done(), 5*time.Millisecond); {
		address, closer, err = openSocket(p, name)
	}
	return address, closer, err
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
