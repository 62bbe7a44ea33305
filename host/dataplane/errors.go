// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TransportError means that the process of the kernel or the connection to it
// died during a call. The same call may succeed on a new process.
type TransportError struct {
	// Op is "validate", "fit" or "transform".
	Op   string
	Code codes.Code
	// Message is the status text, without control characters.
	Message string
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("the kernel process was lost during %s (%s): %s", e.Op, e.Code, e.Message)
}

// ProtocolError means that the plugin broke the contract of a kernel. Its text
// is for the author of the plugin.
type ProtocolError struct {
	// Op is "validate", "fit" or "transform".
	Op     string
	Reason string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("the plugin broke the kernel protocol during %s: %s", e.Op, e.Reason)
}

func broken(op, format string, args ...any) error {
	return &ProtocolError{Op: op, Reason: fmt.Sprintf(format, args...)}
}

// wireError explains a gRPC status. A cancelled caller gets its own cause, not
// what the connection made of it.
func wireError(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	message := cleanText(status.Convert(err).Message())
	code := status.Code(err)
	switch code {
	case codes.Unimplemented:
		return broken(op, "it serves no kernels (%s)", message)
	case codes.ResourceExhausted:
		return broken(op, "a message is larger than the wire allows (%s)", message)
	case codes.DataLoss: // so package plugin marks what it refused to decode
		return broken(op, "%s", message)
	case codes.InvalidArgument:
		return broken(op, "it refused a regular call (%s)", message)
	}
	return &TransportError{Op: op, Code: code, Message: message}
}
