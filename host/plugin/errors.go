// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// StartError is every failure of Launch after the specification was accepted.
// Err is one of *DigestError, *HandshakeError, *AddressError, *Death, the errors
// of package sandbox, or an error of the operating system.
type StartError struct {
	Plugin string
	Err    error
	Stderr []string // the plugin's last lines of log, sanitised
}

// Error tells what stopped the start and what the plugin said last.
func (e *StartError) Error() string {
	text := fmt.Sprintf("plugin %q did not start: %v", e.Plugin, e.Err)
	if _, dead := errors.AsType[*Death](e.Err); dead || len(e.Stderr) == 0 {
		return text
	}
	return text + "; its last words: " + lastWords(e.Stderr)
}

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Err }

// DigestError means that the file is not the one that was installed.
type DigestError struct{ Path, Want, Got string }

// Error names both digests and the way out.
func (e *DigestError) Error() string {
	return fmt.Sprintf("%s has digest %s, but %s was installed; it was changed since: `bulkhead plugin verify --repair` fetches a plugin of a registry again, and any other one is to be installed again",
		e.Path, e.Got, e.Want)
}

// Problem is what is wrong with a handshake.
type Problem string

// The problems of a handshake.
const (
	Silent      Problem = "silent"      // no line in time, or output closed
	Garbage     Problem = "garbage"     // not a handshake line
	TooLong     Problem = "too-long"    // a first line of more than 8 KiB
	CoreVersion Problem = "core"        // another go-plugin core protocol
	Version     Problem = "version"     // a protocol major that the host does not serve
	NotGRPC     Problem = "not-grpc"    // net/rpc or something unknown
	Certificate Problem = "certificate" // TLS that nobody asked for
	NoService   Problem = "no-service"  // a socket that nobody serves
)

// HandshakeError means that the plugin did not introduce itself as it must.
type HandshakeError struct {
	Problem Problem
	Detail  string // sanitised
}

// Error tells what was wrong in words.
func (e *HandshakeError) Error() string { return "handshake: " + e.Detail }

// AddressError means that the plugin named a place where it must not be reached.
type AddressError struct{ Network, Address, Reason string }

// Error names the place and the rule.
func (e *AddressError) Error() string {
	return fmt.Sprintf("handshake: refused to connect to %s %q: %s", e.Network, e.Address, e.Reason)
}

// CallFailure is a failed call to a plugin that is gone.
type CallFailure struct {
	Death *Death
	Err   error // what gRPC reported
}

// Error gives the cause of death, which is what the caller needs to know.
func (e *CallFailure) Error() string { return e.Death.Error() }

// GRPCStatus is Unavailable with the cause of death in words, whatever gRPC made
// of the lost connection. A call over its deadline keeps its own code.
func (e *CallFailure) GRPCStatus() *status.Status {
	code := codes.Unavailable
	if e.Death.Cause == Deadline {
		code = codes.DeadlineExceeded
	}
	return status.New(code, e.Error())
}

// Unwrap gives access to the death and to what gRPC reported.
func (e *CallFailure) Unwrap() []error { return []error{e.Death, e.Err} }

// lastWords joins the last lines of a log for a message of one line.
func lastWords(lines []string) string {
	const most = 3
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return strings.Join(lines, " | ")
}
