// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// MaxStateBytes bounds the state of a fitted kernel on the wire.
const MaxStateBytes = 1 << 30

// Service serves kernels. Pass it to plugin.Serve.
type Service struct {
	pluginv1.UnimplementedKernelServiceServer
	kernels []Kernel
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
			Fits: k.Fits, Transforms: k.Transforms,
		})
	}
}

// Validate answers the host.
func (s *Service) Validate(_ context.Context, req *pluginv1.ValidateRequest) (*pluginv1.ValidateResponse, error) {
	setup, instance, err := s.open(req.GetOpen())
	if v, ok := instance.(Validator); err == nil && ok {
		err = guard(v.Validate)
	}
	return &pluginv1.ValidateResponse{Diagnostics: diag.ToProto(messages(setup, err))}, nil
}

// open finds the kernel and makes an instance.
func (s *Service) open(req *pluginv1.Open) (*Setup, Instance, error) {
	i := slices.IndexFunc(s.kernels, func(k Kernel) bool { return k.Name == req.GetKernel() })
	if i < 0 {
		return nil, nil, diag.Errorf("Unknown kernel", "The plugin has no kernel %q.", req.GetKernel())
	}
	input, err := table.DecodeSchema(req.GetSchema())
	if err != nil {
		return nil, nil, err
	}
	setup := &Setup{
		Schema: input, Seed: req.GetSeed(), Budget: time.Duration(req.GetBudgetNs()), config: req.GetConfigJson(),
	}
	if len(setup.config) == 0 && s.kernels[i].Config != nil {
		setup.config = schema.Defaults(s.kernels[i].Config)
	}
	var instance Instance
	err = guard(func() (err error) {
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
	r.ReportJson = data
	if setup != nil {
		r.RowsDropped = setup.Dropped()
	}
	r.Diagnostics = diag.ToProto(messages(setup, err))
	return r
}

// ended reports whether err is the regular end of a request stream.
func ended(err error) bool { return errors.Is(err, io.EOF) }
