// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network_test

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// BenchmarkDownload compares 64 MiB through the door with 64 MiB over TCP.
func BenchmarkDownload(b *testing.B) {
	const size = 64 << 20
	address := source(b, size)
	d := open(b, network.Options{DialsPerSecond: 1e9}, address)
	plugin, err := door.NewConn(d.Child())
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = d.Serve(b.Context()) }()
	place := netip.MustParseAddrPort(address)
	for name, dial := range map[string]func() net.Conn{
		"TCP":  func() net.Conn { return dialTCP(b, address) },
		"door": func() net.Conn { return dialDoor(b, plugin, place) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			buf := make([]byte, 64<<10)
			for b.Loop() {
				conn := dial()
				if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, buf); n != size {
					b.Fatalf("%d bytes, %v", n, err)
				}
				_ = conn.Close()
			}
		})
	}
}

// source serves size bytes on each connection.
func source(b *testing.B, size int) string {
	return server(b, func(c *net.TCPConn) {
		chunk := make([]byte, 256<<10)
		for sent := 0; sent < size; sent += len(chunk) {
			_, _ = c.Write(chunk)
		}
	})
}

func dialTCP(b *testing.B, address string) net.Conn {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

func dialDoor(b *testing.B, plugin *door.Conn, place netip.AddrPort) net.Conn {
	message, err := door.Request{ID: 1, Host: place.Addr().String(), Port: place.Port()}.Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := plugin.Write(b.Context(), message, nil); err != nil {
		b.Fatal(err)
	}
	_, file, err := plugin.ReadFile(make([]byte, door.MaxMessage))
	if err != nil || file == nil {
		b.Fatal(file, err)
	}
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}
