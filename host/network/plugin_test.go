// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/network"
	sdk "github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// envScene makes this test binary a plugin that plays one scene.
const envScene = "BULKHEAD_TEST_SCENE"

func TestMain(m *testing.M) {
	if scene := os.Getenv(envScene); scene != "" {
		_ = json.NewEncoder(os.Stdout).Encode(scenes[scene]())
		return
	}
	os.Exit(m.Run())
}

// scenes are what a plugin does; each gives what it saw by name.
var scenes = map[string]func() map[string]string{
	"http":    httpScene,
	"dial":    dialScene,
	"no door": noDoorScene,
	"hang":    hangScene,
}

func httpScene() map[string]string {
	client := sdk.Client()
	saw := map[string]string{}
	for _, url := range []string{"https://example.com/hello", "https://EXAMPLE.com./hello", "https://evil.example/", "http://example.com/", "https://example.com/elsewhere", "https://wrong.example/"} {
		saw[url] = get(client, url)
	}
	var many sync.WaitGroup
	texts := make([]string, 40)
	for i := range texts {
		many.Go(func() { texts[i] = get(client, "https://example.com/hello") })
	}
	many.Wait()
	saw["many"] = fmt.Sprint(strings.Count(strings.Join(texts, ""), "200 hello"))
	request, _ := http.NewRequest(http.MethodPost, "https://example.com/count", bytes.NewReader(make([]byte, 1<<20)))
	response, err := client.Do(request)
	saw["upload"] = body(response, err)
	return saw
}

func get(client *http.Client, url string) string { return body(client.Get(url)) }

func body(response *http.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", string(text), errorText(err))
}

func errorText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func dialScene() map[string]string {
	saw := map[string]string{}
	kind := func(name, network, address string) {
		conn, err := sdk.Dial(context.Background(), network, address)
		if err == nil {
			saw[name] = conn.RemoteAddr().Network() + " " + conn.RemoteAddr().String()
			_ = conn.Close()
			return
		}
		saw[name] = typeOf(err) + err.Error()
	}
	kind("granted", "tcp", "example.com:443")
	kind("not granted", "tcp", "example.com:80")
	kind("never grantable", "tcp", "169.254.169.254:80")
	kind("rebound", "tcp", "rebound.example:443")
	kind("down", "tcp", "down.example:443")
	kind("missing", "tcp", "missing.example:443")
	kind("udp", "udp", "example.com:443")
	kind("no port", "tcp", "example.com")
	kind("port by name", "tcp", "example.com:https")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := sdk.Dial(ctx, "tcp", "silent.example:443")
	saw["given up"] = fmt.Sprint(errors.Is(err, context.DeadlineExceeded))
	kind("after giving up", "tcp", "example.com:443")
	return saw
}

// typeOf names what a caller can branch on.
func typeOf(err error) string {
	refused, ok := errors.AsType[*sdk.RefusedError](err)
	switch {
	case errors.Is(err, sdk.ErrNotGranted):
		return "[not granted] "
	case ok && refused.Temporary():
		return "[temporary] "
	case ok:
		return "[refused] "
	}
	return ""
}

func noDoorScene() map[string]string {
	_, err := sdk.Dial(context.Background(), "tcp", "example.com:443")
	return map[string]string{"error": errorText(err), "no door": fmt.Sprint(errors.Is(err, sdk.ErrNoDoor)), "http": get(sdk.Client(), "https://example.com/")}
}

// hangScene holds a connection until it is killed.
func hangScene() map[string]string {
	conn, err := sdk.Dial(context.Background(), "tcp", "example.com:443")
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	fmt.Println(`{"connected": "yes"}`)
	_, _ = io.Copy(io.Discard, conn)
	return nil
}

// start runs a command with the door as descriptor 3.
func start(t *testing.T, d *network.Door, command *exec.Cmd, env ...string) (*json.Decoder, func()) {
	t.Helper()
	command.Env = append([]string{door.EnvFD + "=3"}, env...)
	command.ExtraFiles = []*os.File{d.Child()}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	d.Started()
	return json.NewDecoder(stdout), func() {
		if err := command.Wait(); err != nil {
			t.Logf("plugin: %v\n%s", err, stderr.String())
		}
	}
}

// play serves a plugin until it has played its scene and gives what it saw.
func play(t *testing.T, d *network.Door, scene string, env ...string) map[string]string {
	t.Helper()
	command := exec.Command(os.Args[0])
	return watch(t, d, command, append(env, envScene+"="+scene)...)
}

func watch(t *testing.T, d *network.Door, command *exec.Cmd, env ...string) map[string]string {
	t.Helper()
	out, wait := start(t, d, command, env...)
	served := make(chan error, 1)
	go func() { served <- d.Serve(t.Context()) }()
	saw := map[string]string{}
	decodeErr := out.Decode(&saw)
	wait()
	if err := <-served; err != nil || decodeErr != nil {
		t.Fatalf("Serve: %v; the plugin's words: %v", err, decodeErr)
	}
	return saw
}

// site is an HTTPS server for example.com, with the file of its certificate.
func site(t *testing.T) (address, roots string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://cdn.example/file", http.StatusFound)
	})
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, struct{ io.Reader }{r.Body})
		_, _ = fmt.Fprint(w, n)
	})
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots = filepath.Join(t.TempDir(), "roots.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(roots, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.Listener.Addr().String(), roots
}

// openFor opens a door in a world of known names.
func openFor(t *testing.T, known map[string][]string, lead map[string]string, grants ...string) *network.Door {
	return open(t, network.Options{Resolver: &names{known: known}, Dialer: &wires{lead: lead}, DialsPerSecond: 1000}, grants...)
}

func TestAPluginSpeaksHTTPS(t *testing.T) {
	leakFree(t)
	address, roots := site(t)
	d := openFor(t, map[string][]string{"example.com.": {public}, "wrong.example.": {public}},
		map[string]string{public + ":443": address}, "example.com:443", "wrong.example:443")
	saw := play(t, d, "http", network.EnvCertificates+"="+roots, "HTTPS_PROXY=http://127.0.0.1:9")
	for name, want := range map[string]string{
		"https://example.com/hello":     "200 hello",
		"https://EXAMPLE.com./hello":    "200 hello",
		"https://evil.example/":         `network: "evil.example:443" is not granted; grant needed: {"kind": "net", `,
		"http://example.com/":           `"example.com:80" is not granted`,
		"https://example.com/elsewhere": `"cdn.example:443" is not granted`,
		"https://wrong.example/":        "certificate is valid for",
		"many":                          "40",
		"upload":                        "200 1048576",
	} {
		if !strings.Contains(saw[name], want) {
			t.Errorf("%s: the plugin saw %q, want %q", name, saw[name], want)
		}
	}
	if u := d.Usage()[0]; u.Dials == 0 || u.BytesOut < 1<<20 || u.BytesIn == 0 {
		t.Errorf("Usage = %+v", u)
	}
	if got := len(d.Denials()); got != 3 {
		t.Errorf("Denials = %+v", d.Denials())
	}
}

func TestAPluginDials(t *testing.T) {
	leakFree(t)
	d := openFor(t, map[string][]string{"example.com.": {public}, "rebound.example.": {"127.0.0.1"}, "down.example.": {"93.184.216.99"}, "silent.example.": {"93.184.216.35"}},
		map[string]string{public + ":443": echo(t), "93.184.216.35:443": ""},
		"example.com:443", "rebound.example:443", "down.example:443", "missing.example:443", "silent.example:443")
	saw := play(t, d, "dial")
	want := map[string]string{
		"granted":         "tcp example.com:443",
		"not granted":     `[not granted] network: "example.com:80" is not granted; grant needed: ` + sdk.Rule{Host: "example.com", Port: 80}.Grant(),
		"never grantable": `[not granted] network: "169.254.169.254:80" is not granted: a link-local address, where clouds serve credentials, which no grant opens`,
		"rebound":         "[refused] network: rebound.example:443: forbidden: the name rebound.example leads to 127.0.0.1, a loopback address, where names may not lead",
		"down":            "[temporary] network: down.example:443: unreachable: 93.184.216.99:443: connection refused",
		"missing":         "[refused] network: missing.example:443: not found: the name missing.example has no address",
		"udp":             `network: "udp" is not supported; grants are for tcp`,
		"no port":         `network address "example.com": give a host and a port, as in example.com:443`,
		"port by name":    `network address "example.com:https": port "https" is not a number from 1 to 65535`,
		"given up":        "true",
		"after giving up": "tcp example.com:443",
	}
	if !maps.Equal(saw, want) {
		for name := range want {
			if saw[name] != want[name] {
				t.Errorf("%s: the plugin saw %q, want %q", name, saw[name], want[name])
			}
		}
	}
}

// Without a door the SDK says so, and does not reach for the network.
func TestAPluginWithoutADoor(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = []string{envScene + "=no door"}
	out, err := command.Output()
	saw := map[string]string{}
	if err = errors.Join(err, json.Unmarshal(out, &saw)); err != nil {
		t.Fatal(err)
	}
	if saw["no door"] != "true" || !strings.Contains(saw["error"], "grant needed: {") || !strings.Contains(saw["http"], "without a network grant") {
		t.Errorf("the plugin saw %q", saw)
	}
}

func TestAKilledPluginEndsItsConnections(t *testing.T) {
	leakFree(t)
	ended := make(chan struct{})
	address := server(t, func(c *net.TCPConn) {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{c})
		close(ended)
	})
	d := openFor(t, map[string][]string{"example.com.": {public}}, map[string]string{public + ":443": address}, "example.com:443")
	command := exec.Command(os.Args[0])
	out, wait := start(t, d, command, envScene+"=hang")
	served := make(chan error, 1)
	go func() { served <- d.Serve(t.Context()) }()
	saw := map[string]string{}
	if err := out.Decode(&saw); err != nil || saw["connected"] != "yes" {
		t.Fatal(saw, err)
	}
	_ = command.Process.Kill()
	wait()
	for range 2 {
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-ended:
			ended = nil
		case <-time.After(time.Minute):
			t.Fatal("the connection outlives its plugin")
		}
	}
}
