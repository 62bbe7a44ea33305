// SPDX-License-Identifier: Apache-2.0

package planebench

import (
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/internal/planebench/work"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// BenchmarkBothEnds is a round trip of 64 KiB with both ends in this process, to
// profile them together.
func BenchmarkBothEnds(b *testing.B) {
	service := kernel.Serve(work.Kernels()...)
	side, err := dataplane.NewSide(dataplane.SideOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(side.Close)
	if err := service.Share(side.Child()); err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	server := plugin.NewServer(plugin.Info{Name: "bench"}, service)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	b.Cleanup(server.Stop)
	conn, err := grpc.NewClient("unix:"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	schema, batches := narrow(8, 1024, 1)
	once := trips(b, dataplane.New(conn, dataplane.Options{Side: side}), schema).do(batches)
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}
