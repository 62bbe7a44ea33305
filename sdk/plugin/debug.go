// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// A plugin that its author starts by hand, say with `dlv debug`, serves when
// BULKHEAD_PLUGIN_DEBUG is 1: on a socket in a directory that nobody else may enter.
// It prints one line, to be put into the shell in which bulkhead runs:
//
//	BULKHEAD_REATTACH_PLUGINS='{"hello":{"protocol":1,"network":"unix","address":"...","pid":4711}}'
//
// It serves one host after the other, in no sandbox, until Ctrl-C, and removes the
// directory then.

// byHand reports whether the plugin was started to be debugged.
func byHand() bool {
	return os.Getenv(handshake.EnvDebug) == "1" && os.Getenv(handshake.MagicCookieKey) == ""
}

// debugStop is how long calls in hand may take when the plugin is told to end.
const debugStop = 2 * time.Second

// serveDebug serves until the process is interrupted.
func serveDebug(p *pluginServer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return p.serveReattached(ctx, os.Stdout)
}

// serveReattached serves until ctx ends, after it has told where.
func (p *pluginServer) serveReattached(ctx context.Context, out io.Writer) error {
	listener, remove, err := debugListener()
	if err != nil {
		return fmt.Errorf("no socket to be debugged on: %w", err)
	}
	defer remove()
	server := p.newServer(nil)
	p.register(server)
	defer context.AfterFunc(ctx, func() {
		stopped := time.AfterFunc(debugStop, server.Stop)
		server.GracefulStop()
		stopped.Stop()
	})()
	line, err := reattachLine(p.info.Name, listener.Addr().String())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, line); err != nil {
		return err
	}
	return server.Serve(listener)
}

// debugListener opens a socket that only this user can reach.
func debugListener() (net.Listener, func(), error) {
	if runtime.GOOS == "windows" {
		return nil, nil, errors.New("on Windows there are no sockets whose peer can be told; debug the plugin on Linux or macOS")
	}
	dir, err := os.MkdirTemp("", "bulkhead-debug-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(dir) }
	listener, err := net.Listen("unix", filepath.Join(dir, "plugin"))
	if err != nil {
		remove()
		return nil, nil, err
	}
	return listener, remove, nil
}

// reattachLine is what is to be put into a shell.
func reattachLine(name, address string) (string, error) {
	data, err := json.Marshal(map[string]handshake.Reattach{
		name: {Protocol: handshake.ProtocolVersion, Network: "unix", Address: address, PID: os.Getpid()},
	})
	if err != nil {
		return "", err
	}
	return handshake.EnvReattach + "='" + strings.ReplaceAll(string(data), "'", `'\''`) + "'", nil
}
