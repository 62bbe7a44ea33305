// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel/codec"
)

const (
	maxHeaders = 64 << 10
	// window is how much a plugin may send before it hears from the host. A fixed one
	// spares each early call the pings by which gRPC otherwise measures the delay of
	// the connection; on one machine there is none.
	window = 1 << 20
	// brokerService would make the host dial and listen at a plugin's wish.
	brokerService = "/plugin.GRPCBroker/"
	// stdioService carries the plugin's output in messages of 1 KiB.
	stdioService = "/plugin.GRPCStdio/"
	maxStdio     = 64 << 10 // bytes of one such message
	stdioCost    = 512      // bytes of log that a message counts as beside its text
)

// dialOptions guards the connection. They come after go-plugin's own options and
// win over them.
func (p *Process) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithContextDialer(p.runner.dial),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(p.spec.MessageBytes), grpc.MaxCallSendMsgSize(p.spec.MessageBytes), grpc.ForceCodecV2(codec.Over(newWeighingCodec(p.spec.MessageBytes)))),
		grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: p.spec.StartTimeout + serviceTime}),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableServiceConfig(),
		grpc.WithChainUnaryInterceptor(p.boundCall),
		grpc.WithChainStreamInterceptor(p.guardStream),
	}
}

// boundCall puts the plugin's deadline on a call, unless the caller's own is
// earlier. A plugin that lets it pass is killed, since whatever it does now,
// nobody waits for it.
func (p *Process) boundCall(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	timeout := p.spec.CallTimeout
	if own, ok := ctx.Deadline(); ok && time.Until(own) <= timeout {
		return p.explain(ctx, invoke(ctx, method, req, reply, conn, opts...))
	}
	call := p.calls.begin(method, timeout)
	err := invoke(deadlineContext{ctx, call.at}, method, req, reply, conn, opts...)
	p.calls.end(call)
	// The plugin's side of gRPC keeps the same deadline, and its clock may be a
	// little ahead.
	const ahead = 100 * time.Millisecond
	if status.Code(err) == codes.DeadlineExceeded && ctx.Err() == nil && time.Until(call.at) < ahead {
		p.overdue(method)
	}
	return p.explain(ctx, err)
}

// guardStream lets every stream pass but the broker's, and explains the end of
// those that are not go-plugin's own.
func (p *Process) guardStream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if strings.HasPrefix(method, brokerService) {
		return nil, status.Error(codes.Unimplemented, "the host does not broker connections")
	}
	stdio := strings.HasPrefix(method, stdioService)
	if stdio {
		opts = append(opts, grpc.MaxCallRecvMsgSize(maxStdio))
	}
	s, err := stream(ctx, desc, conn, method, opts...)
	if err == nil {
		p.answered.Store(true)
	}
	switch {
	case stdio && err == nil:
		return &pacedStream{s, p.runner.logs.pace}, nil
	case strings.HasPrefix(method, "/plugin."):
		return s, err
	}
	if err != nil {
		return nil, p.explain(ctx, err)
	}
	return &explainedStream{s, p, ctx}, nil
}

// explainedStream tells why a stream to a plugin broke.
type explainedStream struct {
	grpc.ClientStream
	process *Process
	caller  context.Context // the stream's own ends with the stream
}

// RecvMsg returns io.EOF as it is.
func (s *explainedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return s.process.explain(s.caller, err)
}

// pacedStream makes messages without a text cost the plugin its time, too.
type pacedStream struct {
	grpc.ClientStream
	pace *pacer
}

// RecvMsg waits until the message is due.
func (s *pacedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	s.pace.wait(stdioCost)
	return err
}

// maxStatusText bounds the words of a gRPC status, in bytes: a plugin needs none.
const maxStatusText = 2 << 10

// explain makes the error of a call fit to be shown, and gives the cause of
// death where the plugin is gone. Whoever gave up the call knows better why.
func (p *Process) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	p.tellDenials(hclog.Warn, p.Denials())
	if p.serving.Load() {
		err = p.CallError(err)
	}
	if _, explained := errors.AsType[*CallFailure](err); explained {
		return err
	}
	s := status.Convert(err)
	code, text := s.Code(), s.Message()
	if reason, found := strings.CutPrefix(text, undecoded); found {
		code, text = codes.DataLoss, "its answer cannot be read: "+reason
	}
	if text = sanitize(clip(p.runner.logs.redact(text), maxStatusText)); text != s.Message() {
		return status.Error(code, text)
	}
	return err
}

// undecoded is how gRPC begins to tell of a message that the codec refused.
const undecoded = "grpc: failed to unmarshal the received message: "

// CallError explains a failed call: if the plugin is gone, the result is a
// *CallFailure that tells why; else it is err itself. nil stays nil. It waits a
// moment when the connection broke and the end of the process is still on its way.
func (p *Process) CallError(err error) error {
	if _, explained := errors.AsType[*CallFailure](err); err == nil || explained {
		return err
	}
	if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded && p.dying() {
		if within(p.runner.process.Done(), time.Second) {
			within(p.done, killTime) // it is gone; what it died of takes the last of its log
		}
	}
	if death := p.Exit(); death != nil {
		return &CallFailure{Death: death, Err: err}
	}
	return err
}
