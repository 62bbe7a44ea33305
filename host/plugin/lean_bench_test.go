// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// BenchmarkLeanStart compares what an author gets: the smallest plugin written
// with hashicorp/go-plugin and started by it, without TLS and with its own, and
// the smallest one written with our SDK and started by this package.
func BenchmarkLeanStart(b *testing.B) {
	all := leanVariants(b)
	took := firstAnswers(b, all, healthy)
	report(b, all, took)
	b.ReportMetric(float64(median(took[1]))/float64(median(took[len(took)-1])), "auto-mtls/"+all[len(all)-1].name)
}

func leanVariants(b *testing.B) []variant {
	dir := b.TempDir()
	bare, own := lean(b, dir, "lean-goplugin"), lean(b, dir, "lean-sdk")
	all := []variant{{"bare", goPluginStart(bare, false)}, {"auto-mtls", goPluginStart(bare, true)}}
	for _, level := range []sandbox.Level{sandbox.None, sandbox.FullQuota, sandbox.Full} {
		start := func(tb testing.TB) running { return leanStart(tb, dir, own, level) }
		if p, err := Launch(context.Background(), leanSpec(own, level), Options{RunDir: dir}); err == nil {
			_ = p.Close(context.Background())
			all = append(all, variant{level.String(), start})
		}
	}
	time.Sleep(settled + time.Second) // new files are not in the digest cache
	for _, v := range all {
		v.start(b).stop()
	}
	return all
}

// lean builds one of the two programs, as our guide for authors says and as our own
// plugins are built: static, without symbols.
func lean(b *testing.B, dir, name string) string {
	out := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-tags=grpcnotrace", "-ldflags=-s -w", "-o", out, "./testdata/"+name)
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		b.Skipf("cannot build: %v %s", err, text)
	}
	return out
}

func leanSpec(path string, level sandbox.Level) Spec {
	return Spec{Name: "lean", Path: path, Floor: level, Ceiling: level}
}

func leanStart(tb testing.TB, dir, path string, level sandbox.Level) running {
	p, err := Launch(context.Background(), leanSpec(path, level), Options{RunDir: dir, DigestCache: filepath.Join(dir, "digests")})
	if err != nil {
		tb.Fatal(err)
	}
	return running{p.Conn(), func() { _ = p.Close(context.Background()) }}
}

func goPluginStart(path string, mtls bool) func(testing.TB) running {
	return func(tb testing.TB) running {
		client := goplugin.NewClient(&goplugin.ClientConfig{
			HandshakeConfig: hostHandshake, Plugins: goplugin.PluginSet{}, Cmd: exec.Command(path), SkipHostEnv: true,
			AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(), AutoMTLS: mtls,
		})
		protocol, err := client.Client()
		if err != nil {
			tb.Fatal(err)
		}
		return running{protocol.(*goplugin.GRPCClient).Conn, client.Kill}
	}
}

func healthy(tb testing.TB, conn *grpc.ClientConn) {
	request := &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName}
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), request); err != nil {
		tb.Error(err)
	}
}
