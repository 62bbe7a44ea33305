// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// stateChunk is the size of the pieces that a state is sent in, in bytes.
const stateChunk = 1 << 20

type fitStream = grpc.BidiStreamingServer[pluginv1.FitRequest, pluginv1.FitResponse]

// Fit answers the host.
func (s *Service) Fit(stream fitStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetOpen() == nil {
		return status.Error(codes.InvalidArgument, "a fit begins with open")
	}
	setup, instance, err := s.start(stream.Context(), first.GetOpen())
	defer setup.close()
	if err != nil {
		return sendFit(stream, result(setup, nil, 0, 0, err))
	}
	fitter, ok := instance.(Fitter)
	if !ok {
		return sendFit(stream, result(setup, nil, 0, 0, diag.Errorf("Kernel without fit", "Kernel %q only transforms.", first.GetOpen().GetKernel())))
	}
	send := &fitSender{stream: stream}
	setup.progress = send.progress
	from, finish, err := s.fitSource(stream, first.GetOpen(), setup.Schema)
	if err != nil {
		return err
	}
	in := &Reader{schema: setup.Schema, from: from}
	report, err := fit(stream.Context(), fitter, in, send)
	r := result(setup, report, in.Rows(), 0, err) // errors may quote what lies in shared memory
	finish()
	return send.result(r)
}

// fitSource chooses how the batches of a call travel.
func (s *Service) fitSource(stream fitStream, open *pluginv1.Open, schema *arrow.Schema) (from source, finish func(), err error) {
	if open.GetLane() != 0 {
		p, err := s.pass(stream.Context(), open.GetLane(), schema, nil)
		if err != nil {
			return nil, nil, err
		}
		return p, p.finish, nil
	}
	return function(func() (arrow.RecordBatch, error) {
		req, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		return decode(schema, req.GetBatch())
	}), func() {}, nil
}

func fit(ctx context.Context, f Fitter, in *Reader, send *fitSender) (report Report, err error) {
	err = guard(func() error {
		if report, err = f.Fit(ctx, in); err != nil {
			return err
		}
		state, err := f.Save()
		if err != nil {
			return err
		}
		return send.state(state)
	})
	return report, err
}

func sendFit(stream fitStream, r *pluginv1.Result) error {
	return stream.Send(&pluginv1.FitResponse{Message: &pluginv1.FitResponse_Result{Result: r}})
}

// fitSender serialises sends: progress may come from any goroutine.
type fitSender struct {
	mu     sync.Mutex
	stream fitStream
	closed bool
}

func (s *fitSender) send(m *pluginv1.FitResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.stream.Send(m)
}

// progress is best effort: when the stream is gone the call ends anyway. The
// wire carries UTF-8 only, and a message may quote a name from a foreign disk.
func (s *fitSender) progress(fraction float64, message string) {
	_ = s.send(&pluginv1.FitResponse{Message: &pluginv1.FitResponse_Progress{
		Progress: &pluginv1.Progress{Fraction: fraction, Message: short(message)},
	}})
}

func (s *fitSender) state(state []byte) error {
	if len(state) > MaxStateBytes {
		return diag.Errorf("State too large", "The fitted state has %d bytes, and at most %d travel.", len(state), MaxStateBytes)
	}
	for len(state) > 0 {
		n := min(len(state), stateChunk)
		if err := s.send(&pluginv1.FitResponse{Message: &pluginv1.FitResponse_StateChunk{StateChunk: state[:n]}}); err != nil {
			return err
		}
		state = state[n:]
	}
	return nil
}

func (s *fitSender) result(r *pluginv1.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return sendFit(s.stream, r)
}
