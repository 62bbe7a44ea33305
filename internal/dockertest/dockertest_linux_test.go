// SPDX-License-Identifier: Apache-2.0

package dockertest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const wordKey = "DOCKERTEST_WORD"

func TestMain(m *testing.M) {
	if word := os.Getenv(wordKey); word != "" {
		name, _ := os.ReadFile("/etc/motd")
		fmt.Printf("%s %d %s", word, os.Getuid(), name)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// An image of this test binary runs as the options say, and leaves nothing.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("a Docker engine takes time to start")
	}
	Engine(t)
	image := Import(t, File{Name: "etc/", Mode: 0o755}, File{Name: "etc/motd", Mode: 0o600, UID: 1000, Text: []byte("hello")},
		File{Name: "program", Mode: 0o755, Text: static(t)})
	got := Run(t, time.Minute, image, []string{"--user", "1000", "--env", wordKey + "=inside"}, "/program")
	if got != "inside 1000 hello" {
		t.Errorf("it printed %q", got)
	}
	left, err := exec.Command("docker", "ps", "--all", "--quiet", "--filter", "name="+containerPrefix).Output()
	if err != nil || len(left) > 0 {
		t.Errorf("left: %s, %v", left, err)
	}
}

// static builds this test binary without the C library, which the image lacks.
func static(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tests")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNamedSocket(t *testing.T) {
	for host, want := range map[string]string{
		"": usualSocket, "unix:///run/x.sock": "/run/x.sock", "tcp://127.0.0.1:2375": "", "unix://x": "", "ssh://host": "",
	} {
		t.Setenv(hostKey, host)
		if got := namedSocket(); got != want {
			t.Errorf("%q: %q", host, got)
		}
	}
}

func TestAnswers(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	if answers(socket) {
		t.Error("nobody answered")
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	status := http.StatusOK
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	if !answers(socket) {
		t.Error("an engine answered")
	}
	status = http.StatusServiceUnavailable
	if answers(socket) {
		t.Error("an engine that is not ready counts")
	}
}

func TestPack(t *testing.T) {
	var archive bytes.Buffer
	if err := pack(&archive, []File{{Name: "tmp/", Mode: 0o1777}, {Name: "etc/shadow", Mode: 0o600, UID: 7, Text: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(&archive)
	dir, err := r.Next()
	if err != nil || dir.Typeflag != tar.TypeDir || dir.Mode != 0o1777 {
		t.Errorf("%+v, %v", dir, err)
	}
	file, err := r.Next()
	if err != nil || file.Typeflag != tar.TypeReg || file.Uid != 7 || file.Gid != 7 || file.Mode != 0o600 {
		t.Errorf("%+v, %v", file, err)
	}
	if text, _ := io.ReadAll(r); string(text) != "x" {
		t.Errorf("it holds %q", text)
	}
}
