// SPDX-License-Identifier: Apache-2.0

package dockertest

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	hostKey      = "DOCKER_HOST"
	usualSocket  = "/var/run/docker.sock"
	startTimeout = 20 * time.Second
)

// Engine makes sure that DOCKER_HOST names an engine that answers, until the end
// of the test, or skips the test.
func Engine(t *testing.T) {
	t.Helper()
	if socket := namedSocket(); socket != "" && answers(socket) {
		t.Setenv(hostKey, "unix://"+socket)
		return
	}
	dockerd, err := exec.LookPath("dockerd")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("no Docker engine answers, and none can be started here: that takes root and dockerd")
	}
	t.Setenv(hostKey, "unix://"+start(t, dockerd))
}

// namedSocket is the socket of the machine's engine; "" when it is elsewhere.
func namedSocket() string {
	host := os.Getenv(hostKey)
	if host == "" {
		return usualSocket
	}
	socket, local := strings.CutPrefix(host, "unix://")
	if !local || !filepath.IsAbs(socket) {
		return ""
	}
	return socket
}

// start starts an engine and returns its socket.
func start(t *testing.T, dockerd string) string {
	t.Helper()
	// Not t.TempDir: the socket's path is short, and the engine unmounts late.
	dir, err := os.MkdirTemp("", "dockerd")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "docker.sock")
	cmd := exec.Command(dockerd, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"-H", "unix://"+socket, "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--log-level=warn")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(cmd, log, dir) })
	for deadline := time.Now().Add(startTimeout); !answers(socket); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			words, _ := os.ReadFile(log.Name())
			t.Skipf("dockerd does not start here: %s", words)
		}
	}
	return socket
}

// stop ends an engine and removes what it leaves behind.
func stop(cmd *exec.Cmd, log *os.File, dir string) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	_ = log.Close()
	_ = os.RemoveAll(dir)
	for _, group := range []string{"docker/buildkit", "docker"} {
		left, _ := filepath.Glob("/sys/fs/cgroup/*/" + group)
		for _, name := range left {
			_ = os.Remove(name) // only empty ones can be
		}
	}
}

// answers asks an engine for a sign of life.
func answers(socket string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", nil)
	if err != nil {
		return false
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
