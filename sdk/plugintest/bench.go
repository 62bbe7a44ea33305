// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// bench keeps one instance alive over the rules of a suite.
type bench struct {
	ctx     context.Context
	subject Subject
	seed    uint64
	usage   *measured // by the first of the rules about leaks
	hung    int       // rules that were broken and took as long as a call may

	shared      *Plugin
	description *pluginv1.DescribeResponse
}

func (b *bench) close() {
	if b.shared != nil {
		_ = b.shared.Stop() // every rule has had its say
		b.shared = nil
	}
}

// plugin returns the shared instance, started anew when it is gone.
func (b *bench) plugin() (*Plugin, error) {
	if b.shared != nil && b.alive() {
		b.shared.limit = b.limit()
		return b.shared, nil
	}
	b.close()
	p, err := b.start("")
	if err != nil {
		return nil, err
	}
	b.shared = p
	return p, nil
}

// start starts an instance.
func (b *bench) start(machine string) (*Plugin, error) {
	p, err := b.subject.Start(b.ctx, machine)
	if err != nil {
		return nil, fmt.Errorf("the plugin does not start: %w", err)
	}
	p.limit = b.limit()
	return p, nil
}

// lost counts a broken rule that took its time.
func (b *bench) lost(took time.Duration) {
	if took >= CallTimeout {
		b.hung++
	}
}

// limit is what each call gets from now on.
func (b *bench) limit() time.Duration {
	if b.hung < 2 {
		return CallTimeout
	}
	return impatience
}

// alive reports whether the shared instance still answers: a rule that killed it
// must not spoil those after it.
func (b *bench) alive() bool {
	ctx, cancel := context.WithTimeout(b.ctx, promptly)
	defer cancel()
	_, err := pluginv1.NewPluginServiceClient(b.shared.Conn).Describe(ctx, &pluginv1.DescribeRequest{})
	return err == nil
}

// describe returns the description of the shared instance.
func (b *bench) describe() (*pluginv1.DescribeResponse, error) {
	if b.description != nil {
		return b.description, nil
	}
	p, err := b.plugin()
	if err != nil {
		return nil, err
	}
	b.description, err = describe(b.ctx, p)
	return b.description, err
}

func describe(ctx context.Context, p *Plugin) (*pluginv1.DescribeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, p.callTime())
	defer cancel()
	d, err := pluginv1.NewPluginServiceClient(p.Conn).Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return nil, fmt.Errorf("describing failed: %w", err)
	}
	return d, nil
}

// with runs f on an instance of its own over a machine.
func (b *bench) with(machine string, f func(*Plugin) error) error {
	p, err := b.start(machine)
	if err != nil {
		return err
	}
	return errors.Join(f(p), p.Stop())
}

// InProcess is a subject without a process: the plugin's services over an
// in-memory connection. Collectors see the machine's directory itself.
func InProcess(info plugin.Info, services ...plugin.Service) Subject {
	return Subject{Name: info.Name, Start: func(_ context.Context, machine string) (*Plugin, error) {
		return attach(plugin.NewServer(info, services...), machine)
	}}
}

// attach serves an instance over memory.
func attach(server *grpc.Server, machine string) (*Plugin, error) {
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	conn, err := grpc.NewClient("passthrough:///in-process",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(plugin.MaxMessageBytes), grpc.MaxCallSendMsgSize(plugin.MaxMessageBytes)))
	if err != nil {
		return nil, err
	}
	stop := func() error {
		err := conn.Close()
		server.Stop()
		return err
	}
	return &Plugin{Conn: conn, Target: Recorded(machine), Stop: stop}, nil
}

// Recorded is the target message of a machine whose root is the directory root.
func Recorded(root string) *pluginv1.Target {
	return &pluginv1.Target{
		Root: root, ProcessDir: "/proc/self", Home: "/root", ProjectDir: "/project", Os: "linux", Arch: "amd64",
		Env: map[string]string{"PATH": "/usr/bin:/bin", "HOME": "/root"},
	}
}

// machine makes a directory tree from file contents by absolute path. The
// caller removes it. Names come from fixtures, which strangers write: one that
// leaves the tree is refused, and so is one that is a file and a directory at once.
func machine(files map[string]string) (string, error) {
	dir, err := os.MkdirTemp("", "bulkhead-machine-")
	if err != nil {
		return "", err
	}
	if err := plant(dir, files); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, os.Chmod(dir, 0o755)
}

// plant writes the files below dir.
func plant(dir string, files map[string]string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
			return fmt.Errorf("the file %q of a machine: give an absolute path without dots, such as /proc/cmdline", name)
		}
		below := filepath.FromSlash(name[1:])
		if !filepath.IsLocal(below) { // a colon on Windows: machines are Linux
			return skip(fmt.Sprintf("this system cannot have a file with the name %q", name))
		}
		if err := root.MkdirAll(filepath.Dir(below), 0o755); err != nil {
			return fmt.Errorf("the file %q of a machine: %w", name, err)
		}
		if err := root.WriteFile(below, []byte(files[name]), 0o644); err != nil {
			return fmt.Errorf("the file %q of a machine: %w", name, err)
		}
	}
	return nil
}
