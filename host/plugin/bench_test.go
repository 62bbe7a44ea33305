// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// BenchmarkStart measures the time from nothing to a plugin's first answer and end,
// go-plugin as it comes against this package, turn by turn in one run so that
// both see the same machine. It reports medians.
func BenchmarkStart(b *testing.B) {
	run, err := os.MkdirTemp("", "plugin-bench")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(run)
	_ = os.Chmod(run, 0o711)
	variants := []struct {
		name  string
		start func(testing.TB)
	}{
		{"bare", bareStart},
		{"none", levelStart(run, sandbox.None)},
		{"weak", levelStart(run, sandbox.Weak)},
		{"namespaced", levelStart(run, sandbox.Namespaced)},
	}
	time.Sleep(settled + time.Second) // the test binary is new, and new files are not in the digest cache
	for _, v := range variants {
		v.start(b) // fills the caches
	}
	took := make([][]time.Duration, len(variants))
	for b.Loop() {
		for i, v := range variants {
			begin := time.Now()
			v.start(b)
			took[i] = append(took[i], time.Since(begin))
		}
	}
	b.ReportMetric(0, "ns/op") // the sum of all variants says nothing
	bare := median(took[0])
	for i, v := range variants {
		b.ReportMetric(float64(median(took[i]).Microseconds())/1000, "ms/"+v.name)
	}
	b.ReportMetric(float64(median(took[len(took)-1]))/float64(bare), "namespaced/bare")
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// bareStart is go-plugin by its book: a command, gRPC and a call.
func bareStart(tb testing.TB) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{fixtureEnv + "=good"}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: handshake.HandshakeConfig, Plugins: goplugin.PluginSet{}, Cmd: cmd, SkipHostEnv: true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
	})
	protocol, err := client.Client()
	if err != nil {
		tb.Fatal(err)
	}
	conn := protocol.(*goplugin.GRPCClient).Conn
	if err := conn.Invoke(context.Background(), doMethod, wrapperspb.String("echo:x"), &wrapperspb.BytesValue{}); err != nil {
		tb.Fatal(err)
	}
	client.Kill()
}

// levelStart is the same through this package.
func levelStart(run string, level sandbox.Level) func(testing.TB) {
	return func(tb testing.TB) {
		spec := Spec{
			Name: "bench", Path: os.Args[0], Env: map[string]string{fixtureEnv: "good"}, Limits: testLimits,
			Ceiling: level, Floor: level,
		}
		p, err := Launch(context.Background(), spec, Options{RunDir: run, DigestCache: run + "/digests"})
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := call(p, "echo:x"); err != nil {
			tb.Fatal(err)
		}
		_ = p.Close(context.Background())
	}
}
