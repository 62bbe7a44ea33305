// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// running is a plugin under measurement.
type running struct {
	conn *grpc.ClientConn
	stop func()
}

// variant is one way to start the same program.
type variant struct {
	name  string
	start func(testing.TB) running
}

// variants are go-plugin as it comes, without TLS and with its own, and this
// package at each level that works here.
func variants(b *testing.B) []variant {
	run, err := os.MkdirTemp("", "plugin-bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(run) })
	_ = os.Chmod(run, 0o711)
	all := []variant{{"bare", bareStart(false)}, {"auto-mtls", bareStart(true)}}
	levels := []sandbox.Level{sandbox.None, sandbox.Weak, sandbox.WallsOnly, sandbox.Namespaced, sandbox.Full, sandbox.FullQuota}
	for _, level := range levels {
		spec, options := benchSpec(run, level)
		if p, err := Launch(context.Background(), spec, options); err == nil {
			_ = p.Close(context.Background())
			all = append(all, variant{level.String(), levelStart(run, level)})
		}
	}
	time.Sleep(settled + time.Second) // the test binary is new, and new files are not in the digest cache
	for _, v := range all {
		v.start(b).stop() // fills the caches
	}
	return all
}

// BenchmarkStart measures the time from nothing to a plugin's first answer, turn
// by turn in one run so that all see the same machine. It reports medians, and
// their ratio to a bare start.
func BenchmarkStart(b *testing.B) {
	all := variants(b)
	report(b, all, firstAnswers(b, all, answer))
}

// pause is the rest of a machine between two measurements.
const pause = 10 * time.Millisecond

// firstAnswers starts each variant once a round, and takes the time until what
// it was asked is answered. Between two starts is a pause: the kernel takes the walls
// and the memory of the one before down after its end, on the same processors.
func firstAnswers(b *testing.B, all []variant, ask func(testing.TB, *grpc.ClientConn)) [][]time.Duration {
	took := make([][]time.Duration, len(all))
	for b.Loop() {
		for i, v := range all {
			time.Sleep(pause)
			begin := time.Now()
			p := v.start(b)
			ask(b, p.conn)
			took[i] = append(took[i], time.Since(begin))
			p.stop()
		}
	}
	return took
}

// BenchmarkStartParallel is the same for eight plugins at once, until the last
// of them has answered.
func BenchmarkStartParallel(b *testing.B) {
	all := variants(b)
	took := make([][]time.Duration, len(all))
	for b.Loop() {
		for i, v := range all {
			begin := time.Now()
			var group sync.WaitGroup
			plugins := make([]running, 8)
			for n := range plugins {
				group.Go(func() {
					plugins[n] = v.start(b)
					answer(b, plugins[n].conn)
				})
			}
			group.Wait()
			took[i] = append(took[i], time.Since(begin))
			for _, p := range plugins {
				p.stop()
			}
		}
	}
	report(b, all, took)
}

// BenchmarkCall measures unary calls over gRPC's own connection and over ours,
// in batches turn by turn.
func BenchmarkCall(b *testing.B) {
	const batch = 200
	all := variants(b)
	plugins := make([]running, len(all))
	for i, v := range all {
		plugins[i] = v.start(b)
		defer plugins[i].stop()
	}
	took := make([][]time.Duration, len(all))
	for b.Loop() {
		for i, p := range plugins {
			begin := time.Now()
			for range batch {
				answer(b, p.conn)
			}
			took[i] = append(took[i], time.Since(begin)/batch)
		}
	}
	report(b, all, took)
}

func answer(tb testing.TB, conn *grpc.ClientConn) {
	if err := conn.Invoke(context.Background(), doMethod, wrapperspb.String("echo:x"), &wrapperspb.BytesValue{}); err != nil {
		tb.Error(err)
	}
}

func report(b *testing.B, all []variant, took [][]time.Duration) {
	b.ReportMetric(0, "ns/op") // the sum of all variants says nothing
	bare := median(took[0])
	for i, v := range all {
		b.ReportMetric(float64(median(took[i]).Microseconds())/1000, "ms/"+v.name)
		if i > 0 {
			b.ReportMetric(float64(median(took[i]))/float64(bare), v.name+"/bare")
		}
	}
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// bareStart is go-plugin by its book: a command and gRPC.
func bareStart(mtls bool) func(testing.TB) running {
	return func(tb testing.TB) running {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{fixtureEnv + "=good"}
		client := goplugin.NewClient(&goplugin.ClientConfig{
			HandshakeConfig: hostHandshake, Plugins: goplugin.PluginSet{}, Cmd: cmd, SkipHostEnv: true,
			AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(), AutoMTLS: mtls,
		})
		protocol, err := client.Client()
		if err != nil {
			tb.Fatal(err)
		}
		return running{protocol.(*goplugin.GRPCClient).Conn, client.Kill}
	}
}

func benchSpec(run string, level sandbox.Level) (Spec, Options) {
	return Spec{
		Name: "bench", Path: os.Args[0], Env: map[string]string{fixtureEnv: "good"}, Limits: testLimits,
		Ceiling: level, Floor: level,
	}, Options{RunDir: run, DigestCache: run + "/digests"}
}

// levelStart is the same through this package.
func levelStart(run string, level sandbox.Level) func(testing.TB) running {
	return func(tb testing.TB) running {
		spec, options := benchSpec(run, level)
		p, err := Launch(context.Background(), spec, options)
		if err != nil {
			tb.Fatal(err)
		}
		return running{p.Conn(), func() { _ = p.Close(context.Background()) }}
	}
}
