// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Word is the argument that makes a program of ours the speaker.
const Word = "bulkhead-probe-speaker"

// requestVariable holds the request. The arguments of a process can be read by
// everybody on a machine, and a request may hold the password of a proxy.
const requestVariable = "BULKHEAD_PROBE_REQUEST"

// Descriptors of a speaker.
const (
	answerFD     = 3
	connectionFD = 4
)

// talk is what a speaker is asked to do on its connection.
type talk struct {
	// Proxy is the "host:port" to ask the proxy at the other end for; "" without
	// a proxy. With TLS it is asked for a connection, without for the page, as
	// every client does: proxies give no connection to port 80. Authorization is
	// the header for it.
	Proxy         string `json:"proxy,omitempty"`
	Authorization string `json:"authorization,omitempty"`
	// TLS is the name that the certificate must have; "" without TLS.
	TLS  string `json:"tls,omitempty"`
	Asks []ask  `json:"asks"`
	// Engine reads the answers as those of a Docker engine.
	Engine bool `json:"engine,omitempty"`
}

// ask is one request.
type ask struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Header map[string]string `json:"header,omitempty"`
	// Token is a header that takes the body of the answer before.
	Token string `json:"token,omitempty"`
}

// said is what a speaker found.
type said struct {
	Stage  string     `json:"stage,omitempty"`
	Error  string     `json:"error,omitempty"`
	Status int        `json:"status,omitempty"`
	Text   string     `json:"text,omitempty"` // of the last answer, bounded
	Engine EngineInfo `json:"engine"`
}

// Bounds of what a speaker reads of a server.
const (
	maxBody  = 4 << 20
	maxShown = 256
)

// MaybeSpeak turns this process into a speaker when it was started to be one,
// and then never returns.
func MaybeSpeak() {
	if len(os.Args) != 2 || os.Args[1] != Word {
		return
	}
	var t talk
	out := said{Stage: "start"}
	if err := json.Unmarshal([]byte(os.Getenv(requestVariable)), &t); err != nil {
		out.Error = err.Error()
	} else if conn, err := net.FileConn(os.NewFile(connectionFD, "connection")); err != nil {
		out.Error = err.Error()
	} else {
		out = speak(conn, t)
	}
	data, _ := json.Marshal(out) // a struct of plain values
	_, _ = os.NewFile(answerFD, "answer").Write(data)
	os.Exit(0)
}

// speak has the whole conversation on a connection.
func speak(conn net.Conn, t talk) said {
	if t.Proxy != "" && t.TLS != "" {
		var err error
		if conn, err = tunnel(conn, t); err != nil {
			return said{Stage: "proxy", Error: err.Error()}
		}
	}
	if t.TLS != "" {
		secure := tls.Client(conn, &tls.Config{ServerName: t.TLS, MinVersion: tls.VersionTLS12})
		if err := secure.Handshake(); err != nil {
			return said{Stage: "tls", Error: err.Error()}
		}
		conn = secure
	}
	return exchange(conn, t)
}

// tunnel asks a proxy for a connection. What the proxy sends before the far end
// does belongs to the far end.
func tunnel(conn net.Conn, t talk) (net.Conn, error) {
	request := "CONNECT " + t.Proxy + " HTTP/1.1\r\nHost: " + t.Proxy + "\r\n"
	if t.Authorization != "" {
		request += "Proxy-Authorization: " + t.Authorization + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return nil, err
	}
	reader := bufio.NewReaderSize(conn, 16<<10)
	answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("the proxy answered %s", answer.Status)
	}
	return &early{Conn: conn, reader: reader}, nil
}

// early is a connection of which some bytes were read already.
type early struct {
	net.Conn
	reader *bufio.Reader
}

func (e *early) Read(p []byte) (int, error) { return e.reader.Read(p) }

// lent is a connection that outlives its use by a client: net/http gives one up
// when the processor is so busy that it does not hear of its own writing in time.
type lent struct{ net.Conn }

// Close leaves the connection to the next request.
func (lent) Close() error { return nil }

// exchange sends the requests one after the other.
func exchange(conn net.Conn, t talk) said {
	uses := 0
	transport := &http.Transport{
		DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			if uses++; uses > len(t.Asks) {
				return nil, errors.New("the server closed the connection")
			}
			return lent{conn}, nil
		},
	}
	if t.Proxy != "" && t.TLS == "" {
		transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy"}) // which conn leads to
	}
	client := &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var out said
	var body []byte
	for _, a := range t.Asks {
		if transport.Proxy != nil && t.Authorization != "" {
			a.Header = map[string]string{"Proxy-Authorization": t.Authorization}
		}
		status, text, err := a.send(client, body)
		if err != nil {
			return said{Stage: "http", Error: err.Error()}
		}
		out.Status, body = status, text
		if t.Engine {
			out.Engine.read(a.URL, text)
		}
	}
	out.Engine = out.Engine.cleaned()
	out.Text = strings.ToValidUTF8(string(body[:min(len(body), maxShown)]), "\ufffd")
	return out
}

// send returns the status and the body. A HEAD, and what is larger than the
// bound, has none.
func (a ask) send(client *http.Client, before []byte) (int, []byte, error) {
	request, err := http.NewRequest(a.Method, a.URL, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	for name, value := range a.Header {
		request.Header.Set(name, value)
	}
	if a.Token != "" {
		request.Header.Set(a.Token, string(bytes.TrimSpace(before)))
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	if len(body) > maxBody {
		err = fmt.Errorf("the answer to %s is larger than %d MiB", a.URL, maxBody>>20)
	}
	return answer.StatusCode, body, err
}

// read takes what is of use from an answer of the engine; what is not JSON of
// the known form gives nothing.
func (e *EngineInfo) read(url string, body []byte) {
	var info struct {
		Version           string `json:"Version"`
		APIVersion        string `json:"ApiVersion"`
		ServerVersion     string
		Runtimes          map[string]json.RawMessage
		DefaultRuntime    string
		Driver            string
		CgroupDriver      string
		CgroupVersion     string
		DockerRootDir     string
		CDISpecDirs       []string
		Warnings          []string
		DiscoveredDevices []struct{ ID string }
	}
	if json.Unmarshal(body, &info) != nil {
		return
	}
	e.Version, e.API = cmp.Or(e.Version, info.Version, info.ServerVersion), cmp.Or(e.API, info.APIVersion)
	if !strings.HasSuffix(url, "/info") {
		return
	}
	e.DefaultRuntime, e.StorageDriver, e.DataRoot = info.DefaultRuntime, info.Driver, info.DockerRootDir
	e.CgroupDriver, e.CgroupVersion = info.CgroupDriver, info.CgroupVersion
	e.CDIDirs, e.Warnings = few(info.CDISpecDirs), few(info.Warnings)
	for name := range info.Runtimes {
		e.Runtimes = append(e.Runtimes, name)
	}
	e.Runtimes = few(sorted(e.Runtimes))
	for _, d := range info.DiscoveredDevices {
		e.CDIDevices = append(e.CDIDevices, d.ID)
	}
	e.CDIDevices = few(e.CDIDevices)
}
