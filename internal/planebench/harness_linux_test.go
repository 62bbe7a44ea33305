// SPDX-License-Identifier: Apache-2.0

package planebench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	code := m.Run()
	plugin.RemoveRunDirs()
	if dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

var dir string

// program is the plugin of the benchmarks, and scaler the one of this project that
// scales.
var (
	program = sync.OnceValues(func() (string, error) { return built("./program") })
	scaler  = sync.OnceValues(func() (string, error) { return built("../../plugins/kernels/data") })
)

// place is where plugins are built.
var place = sync.OnceValues(func() (string, error) {
	var err error
	if dir, err = os.MkdirTemp("", "planebench"); err == nil {
		err = os.Chmod(dir, 0o755)
	}
	return dir, err
})

// built builds a plugin.
func built(source string) (string, error) {
	dir, err := place()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(source))
	build := exec.Command("go", "build", "-tags", "grpcnotrace", "-o", path, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
}

// attendant gives a process its data socket.
type attendant struct{ side *dataplane.Side }

func (a attendant) Started(context.Context, *plugin.Process) error { a.side.Started(); return nil }
func (a attendant) Ended(*plugin.Process)                          { a.side.Close() }
func (attendant) Refused() []sandbox.Denial                        { return nil }

// running is a sandboxed plugin.
type running struct {
	dataplane.Kernel
	process *plugin.Process
}

// start launches the plugin with shared memory.
func start(tb testing.TB) *running {
	tb.Helper()
	return launch(tb, program, true)
}

// launch launches a plugin in the sandbox. Without shared memory its batches are
// messages.
func launch(tb testing.TB, program func() (string, error), shared bool) *running {
	tb.Helper()
	path, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	var side *dataplane.Side
	p, err := plugin.Launch(context.Background(), plugin.Spec{Name: "bench", Path: path}, plugin.Options{
		Prepare: func(spec *plugin.Spec) (plugin.Attendant, error) {
			var err error
			if side, err = dataplane.NewSide(dataplane.SideOptions{}); err != nil {
				return nil, err
			}
			if shared {
				spec.Inherit, spec.InheritEnv = append(spec.Inherit, side.Child()), append(spec.InheritEnv, dataplane.EnvFD)
			}
			return attendant{side}, nil
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Close(context.Background()) })
	return &running{dataplane.New(p.Conn(), dataplane.Options{Side: side}), p}
}

// plainStart launches the same program under go-plugin as it comes.
func plainStart(tb testing.TB) *grpc.ClientConn {
	tb.Helper()
	path, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), "BENCH_PLAIN=1")
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: handshake.ProtocolVersion, MagicCookieKey: handshake.MagicCookieKey, MagicCookieValue: handshake.MagicCookieValue,
		},
		Plugins: goplugin.PluginSet{"plain": conn{}}, AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Cmd: cmd, Logger: hclog.NewNullLogger(),
	})
	tb.Cleanup(client.Kill)
	protocol, err := client.Client()
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := protocol.Dispense("plain")
	if err != nil {
		tb.Fatal(err)
	}
	return raw.(*grpc.ClientConn)
}

type conn struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (conn) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }
func (conn) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// variant is one way to do the same work. It returns a checksum.
type variant struct {
	name string
	run  func() float64
}

// compare lets variants take turns, insists on equal results, and reports the
// median of each in microseconds. It returns the medians.
func compare(b *testing.B, all []variant) []time.Duration {
	b.Helper()
	want := all[0].run()
	for _, v := range all[1:] {
		if got := v.run(); got != want { // fills caches, too
			b.Fatalf("%s gives %v, and %s %v", v.name, got, all[0].name, want)
		}
	}
	times := make([][]time.Duration, len(all))
	for b.Loop() {
		for i, v := range all {
			began := time.Now()
			got := v.run()
			times[i] = append(times[i], time.Since(began))
			if got != want {
				b.Fatalf("%s gives %v, and %s %v", v.name, got, all[0].name, want)
			}
		}
	}
	medians := make([]time.Duration, len(all))
	for i, v := range all {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2]
		b.ReportMetric(float64(medians[i].Nanoseconds())/1e3, "us-"+v.name)
	}
	return medians
}

func ratio(b *testing.B, name string, of, to time.Duration) {
	b.ReportMetric(float64(of)/float64(to), "x-"+name)
}
