// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// A plugin that was started by hand tells where it serves, serves one host after the
// other, and leaves nothing when it is told to end.
func TestServesReattached(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp") // a socket's name has room for 107 bytes
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	p := &pluginServer{info: Info{Name: "it's", Version: "1.2.3"}, services: []Service{newHolding()}}
	go func() {
		err := p.serveReattached(ctx, w)
		_ = w.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	at := reattachOf(t, line)["it's"]
	if at.Protocol != handshake.ProtocolVersion || at.Network != "unix" || at.PID != os.Getpid() {
		t.Errorf("%+v", at)
	}
	if info, err := os.Stat(filepath.Dir(at.Address)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", info.Mode(), err)
	}
	for range 2 {
		conn, err := grpc.NewClient("unix://"+at.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		d, err := pluginv1.NewPluginServiceClient(conn).Describe(t.Context(), &pluginv1.DescribeRequest{})
		if err != nil || d.GetVersion() != "1.2.3" {
			t.Error(d, err)
		}
		_ = conn.Close()
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	if _, err := os.Stat(filepath.Dir(at.Address)); !os.IsNotExist(err) {
		t.Errorf("its directory stays: %v", err)
	}
}

// reattachOf reads the line as a shell does.
func reattachOf(t *testing.T, line string) map[string]handshake.Reattach {
	t.Helper()
	text, ok := strings.CutPrefix(strings.TrimSpace(line), handshake.EnvReattach+"='")
	if !ok {
		t.Fatalf("printed %q", line)
	}
	text = strings.ReplaceAll(strings.TrimSuffix(text, "'"), `'\''`, "'")
	var out map[string]handshake.Reattach
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return out
}

// Only a plugin that no host has started is one to be debugged.
func TestByHand(t *testing.T) {
	for _, c := range []struct {
		debug, cookie string
		want          bool
	}{{"1", "", true}, {"", "", false}, {"1", handshake.MagicCookieValue, false}, {"yes", "", false}} {
		t.Setenv(handshake.EnvDebug, c.debug)
		t.Setenv(handshake.MagicCookieKey, c.cookie)
		if got := byHand(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
