// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// The methods that a host calls, and two that it never should.
const (
	methodDescribe  = "/bulkhead.plugin.v1.PluginService/Describe"
	methodDrain     = "/bulkhead.plugin.v1.PluginService/Drain"
	methodCollect   = "/bulkhead.plugin.v1.CollectorService/Collect"
	methodCheck     = "/bulkhead.plugin.v1.CheckerService/Check"
	methodValidate  = "/bulkhead.plugin.v1.KernelService/Validate"
	methodTransform = "/bulkhead.plugin.v1.KernelService/Transform"
	methodStdio     = "/plugin.GRPCStdio/StreamStdio"
	methodBroker    = "/plugin.GRPCBroker/StartStream"
)

// raw passes the bytes of messages as they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// answerLie is how one method is answered; all others are honest.
type answerLie struct {
	method string
	answer func(grpc.ServerStream) error
}

// serveAnswers never returns.
func serveAnswers(name string, lie answerLie) {
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(raw{}), grpc.MaxSendMsgSize(1<<30),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(s)
			if method == lie.method {
				return lie.answer(s)
			}
			return honest(name, method, s)
		}),
	)
	l := listen()
	go func() { _ = server.Serve(l) }()
	hello()
	time.Sleep(patience)
}

// honest answers a method as it should be.
func honest(name, method string, s grpc.ServerStream) error {
	switch method {
	case methodDescribe:
		return s.SendMsg(encode(description(name)))
	case methodDrain, methodValidate:
		return s.SendMsg([]byte{})
	case methodCollect:
		return s.SendMsg(encode(&pluginv1.CollectResponse{Facts: []*pluginv1.Fact{{Address: "evil.seen", ValueJson: []byte("true")}}}))
	case methodCheck:
		return s.SendMsg(encode(&pluginv1.CheckResponse{Outcomes: []*pluginv1.CheckOutcome{{Code: "evil.found", Status: pluginv1.CheckOutcome_STATUS_RAN}}}))
	case methodStdio:
		<-s.Context().Done()
	}
	return status.Error(codes.Unimplemented, "no")
}

// description offers a collector, a check and a kernel.
func description(name string) *pluginv1.DescribeResponse {
	return &pluginv1.DescribeResponse{
		Name: name, Version: "0.1.0",
		Collectors: []*pluginv1.CollectorDescription{{Name: "evil", Summary: "Lies", Facts: []*pluginv1.FactDescription{{Address: "evil.seen", Type: "bool"}}}},
		Checks:     []*pluginv1.CheckDescription{{Code: "evil.found", Title: "Evil was found", Area: "system", Needs: []string{"evil.seen"}}},
		Kernels:    []*pluginv1.KernelDescription{{Name: "rows", Summary: "Lies", Compartment: "data", Transforms: true}},
	}
}

func encode(m proto.Message) []byte {
	data, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return data
}

// once answers with one message.
func once(data func() []byte) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error { return s.SendMsg(data()) }
}

// forever answers with a message again and again.
func forever(data func() []byte) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error {
		for message := data(); ; {
			if err := s.SendMsg(message); err != nil {
				return err
			}
		}
	}
}

func never(s grpc.ServerStream) error {
	time.Sleep(patience)
	return nil
}

// metadataBomb is headers of a megabyte and more.
func metadataBomb() metadata.MD {
	bomb := metadata.MD{}
	for range 64 {
		bomb.Append("bomb", blank(16<<10))
	}
	return bomb
}

func blank(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}
