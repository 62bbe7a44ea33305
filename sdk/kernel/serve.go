// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// MaxStateBytes bounds the state of a fitted kernel on the wire.
const MaxStateBytes = 1 << 30

// MaxReportBytes bounds a report on the wire, as JSON. A host may take less.
const MaxReportBytes = 4 << 20

// Service serves kernels. Pass it to plugin.Serve.
type Service struct {
	pluginv1.UnimplementedKernelServiceServer
	kernels []Kernel
	socket  *socket // nil without a data socket
}

// Serve makes a plugin part of kernels.
func Serve(kernels ...Kernel) *Service {
	return &Service{kernels: kernels}
}

// Register adds the gRPC service.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	pluginv1.RegisterKernelServiceServer(server, s)
}

// Describe adds the kernels to the plugin's description.
func (s *Service) Describe(out *pluginv1.DescribeResponse) {
	for _, k := range s.kernels {
		out.Kernels = append(out.Kernels, &pluginv1.KernelDescription{
			Name: k.Name, Summary: k.Summary, Compartment: k.Compartment, Config: schema.Of(k.Config),
			Fits: k.Fits, Transforms: k.Transforms, RowWise: k.RowWise, ReadsFile: k.ReadsFile, WritesFile: k.WritesFile,
			Undoes: k.Undoes, StateVersion: k.StateVersion, MinStateVersion: k.MinStateVersion,
		})
	}
}

// Validate answers the host.
func (s *Service) Validate(_ context.Context, req *pluginv1.ValidateRequest) (*pluginv1.ValidateResponse, error) {
	resp := &pluginv1.ValidateResponse{}
	setup, instance, err := s.open(req.GetOpen())
	if err == nil {
		err = guard(func() error { return examine(instance, resp) })
	}
	resp.Diagnostics = diag.ToProto(messages(setup, err))
	return resp, nil
}

// examine asks an instance what it tells before any data moves.
func examine(instance Instance, resp *pluginv1.ValidateResponse) error {
	if v, ok := instance.(Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	if o, ok := instance.(OutputSchemer); ok {
		output, err := o.OutputSchema()
		if err == nil && output != nil {
			resp.Output, err = encodeSchema(output)
		}
		if err != nil {
			return err
		}
	}
	if e, ok := instance.(Estimator); ok {
		c := e.Estimate()
		resp.Estimate = &pluginv1.Estimate{
			SecondsPerRow: c.SecondsPerRow, Seconds: c.Seconds, MemoryBytesPerRow: c.BytesPerRow, MemoryBytes: c.Bytes,
		}
	}
	return nil
}

// Undo answers the host.
func (s *Service) Undo(ctx context.Context, req *pluginv1.UndoRequest) (*pluginv1.UndoResponse, error) {
	setup, instance, err := s.open(req.GetOpen())
	if err == nil {
		err = guard(func() error { return undo(ctx, req.GetOpen().GetKernel(), instance, req.GetToken()) })
	}
	return &pluginv1.UndoResponse{Diagnostics: diag.ToProto(messages(setup, err))}, nil
}

func undo(ctx context.Context, name string, instance Instance, token []byte) error {
	u, ok := instance.(Undoer)
	if !ok {
		return diag.Errorf("Kernel without undo", "Kernel %q does nothing that can be taken back.", name)
	}
	return u.Undo(ctx, token)
}

// open makes an instance for a call.
func (s *Service) open(req *pluginv1.Open) (*Setup, Instance, error) {
	input, err := table.DecodeSchema(req.GetSchema())
	if err != nil {
		return nil, nil, err
	}
	return s.instance(req, input, nil)
}

// start is open for a call that has files. They are closed with the setup.
func (s *Service) start(ctx context.Context, req *pluginv1.Open) (*Setup, Instance, error) {
	input, err := table.DecodeSchema(req.GetSchema())
	if err != nil {
		return nil, nil, err
	}
	files, err := s.files(ctx, req.GetFiles())
	if err != nil {
		return &Setup{files: files}, nil, err
	}
	return s.instance(req, input, files)
}

// instance finds the kernel and makes an instance for input of a schema.
func (s *Service) instance(req *pluginv1.Open, input *arrow.Schema, files map[string]*os.File) (*Setup, Instance, error) {
	i := slices.IndexFunc(s.kernels, func(k Kernel) bool { return k.Name == req.GetKernel() })
	if i < 0 {
		return &Setup{files: files}, nil, diag.Errorf("Unknown kernel", "The plugin has no kernel %q.", req.GetKernel())
	}
	setup := &Setup{
		Schema: input, Seed: req.GetSeed(), Budget: time.Duration(req.GetBudgetNs()), config: req.GetConfigJson(), files: files,
	}
	if len(setup.config) == 0 && s.kernels[i].Config != nil {
		setup.config = schema.Defaults(s.kernels[i].Config)
	}
	var instance Instance
	err := guard(func() (err error) {
		instance, err = s.kernels[i].New(setup)
		return err
	})
	return setup, instance, err
}

// guard turns a panic of the kernel into an error that carries its stack.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = diag.Errorf("The kernel crashed", "panic: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}

// messages joins what was diagnosed with what went wrong.
func messages(setup *Setup, err error) []*diag.Diagnostic {
	failed := diag.From("The kernel failed", err)
	if setup == nil {
		return failed
	}
	return append(slices.Clone(setup.diags), failed...)
}

// result ends a call.
func result(setup *Setup, report Report, in, out int64, err error) *pluginv1.Result {
	r := &pluginv1.Result{RowsIn: in, RowsOut: out}
	data, jsonErr := json.Marshal(report)
	if jsonErr != nil {
		err = errors.Join(err, fmt.Errorf("the report cannot be written as JSON: %w", jsonErr))
	}
	if len(data) > MaxReportBytes {
		err = errors.Join(err, diag.Errorf("Report too large", "The report has %d bytes of JSON, and at most %d travel. Report sums and examples, and write what is long as columns.", len(data), MaxReportBytes))
		data = nil
	}
	r.ReportJson = data
	if setup != nil {
		if r.UndoToken = setup.token; len(r.UndoToken) > MaxUndoToken {
			r.UndoToken = nil
			err = errors.Join(err, fmt.Errorf("the undo token has %d bytes, and at most %d are kept", len(setup.token), MaxUndoToken))
		}
		r.RowsDropped, r.RowsRejected = setup.Dropped(), setup.RejectedRows()
	}
	r.Diagnostics = diag.ToProto(messages(setup, err))
	return r
}
