// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// ErrNoDoor means that this process has no network grant at all: it was started
// without one, or not by a host.
var ErrNoDoor = errors.New("no network: this plugin was started without a network grant")

// ErrDoorClosed means that the host has ended this plugin's network.
var ErrDoorClosed = errors.New("the host has closed this plugin's network")

// ErrNotGranted is what every [NotGrantedError] is, for errors.Is.
var ErrNotGranted = errors.New("not granted")

// NotGrantedError means that the user granted no such host and port.
type NotGrantedError struct {
	Address string // as it was asked for
	Grant   string // the manifest's entry that would allow it, empty if none can
	Reason  string // what the host said
}

// Error names the address and the grant to ask for.
func (e *NotGrantedError) Error() string {
	text := fmt.Sprintf("network: %.300q is not granted", e.Address)
	if e.Grant == "" {
		return text + ": " + e.Reason
	}
	return text + "; grant needed: " + e.Grant
}

// Is makes the error an ErrNotGranted.
func (e *NotGrantedError) Is(target error) bool { return target == ErrNotGranted }

// RefusedError means that the place is granted and the host still made no
// connection.
type RefusedError struct {
	Address string
	Status  door.Status // Forbidden, NotFound, Unreachable, Busy or Unsupported
	Reason  string      // what the host said
}

// Error names the address, the status and the host's reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("network: %s: %s: %s", e.Address, e.Status, e.Reason)
}

// Temporary tells whether trying again later may help.
func (e *RefusedError) Temporary() bool {
	return e.Status == door.Busy || e.Status == door.Unreachable
}

// refusal turns a reply without a connection into an error.
func refusal(address string, reply door.Reply) error {
	if reply.Status != door.NotGranted {
		return &RefusedError{address, reply.Status, reply.Text}
	}
	e := &NotGrantedError{Address: address, Reason: reply.Text}
	if rule, err := ParseRule(address); err == nil {
		e.Grant = rule.Grant()
	}
	return e
}
