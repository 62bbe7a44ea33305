// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// openings answers a transform, and keeps how it was opened.
type openings struct {
	pluginv1.UnimplementedKernelServiceServer
	open *pluginv1.Open
}

func (o *openings) Transform(stream grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if r.GetOpen() != nil {
			o.open = r.GetOpen()
		}
	}
	return stream.Send(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Result{Result: &pluginv1.Result{}}})
}

// TestPluginThatTakesFilesOnly gets the files of a call over the data socket, no
// names of theirs, and no lane.
func TestPluginThatTakesFilesOnly(t *testing.T) {
	side, err := dataplane.NewSide(dataplane.SideOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	conn, err := arena.NewConn(side.Child())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Send(arena.Message{Kind: arena.HelloFiles}); err != nil {
		t.Fatal(err)
	}
	server, service := grpc.NewServer(), &openings{}
	pluginv1.RegisterKernelServiceServer(server, service)
	k := dataplane.New(connect(t, server), dataplane.Options{Side: side})
	name := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(name, []byte("what is in it"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	open := dataplane.Open{Kernel: "read", Schema: schema, Files: []dataplane.File{{Name: "input", File: f}}}
	if o, err := k.Transform(t.Context(), open, nil, nil, dataplane.Output{}); err != nil || o.Failed() {
		t.Fatal(said(o, err))
	}
	told := service.open.GetFiles()[0]
	if service.open.GetLane() != 0 || told.GetDescriptor_() == 0 || told.GetPath() != "" {
		t.Fatalf("it was opened with %v", service.open)
	}
	m, file, err := conn.ReceiveFile()
	if err != nil || m.Kind != arena.File || m.Seq != told.GetDescriptor_() || file == nil {
		t.Fatalf("%+v, %v", m, err)
	}
	defer file.Close()
	if data, err := io.ReadAll(file); err != nil || string(data) != "what is in it" {
		t.Errorf("%q, %v", data, err)
	}
}
