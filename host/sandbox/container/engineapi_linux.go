// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Versions of the Docker Engine API that this client speaks.
const (
	oldestAPI = "1.40" // Docker 19.03
	newestAPI = "1.51"
)

// engineAPI is a client of the Docker Engine API on a unix socket.
type engineAPI struct {
	socket  string
	version string // negotiated
	client  *http.Client
}

// engineError is an answer that is no success.
type engineError struct {
	Status  int
	Message string
}

// Error gives the engine's own words.
func (e *engineError) Error() string {
	return fmt.Sprintf("the engine answers %d: %s", e.Status, e.Message)
}

// engineSocket is where the engine listens: DOCKER_HOST, else the usual place.
func engineSocket() (string, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		return "/var/run/docker.sock", nil
	}
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok || !strings.HasPrefix(socket, "/") {
		return "", fmt.Errorf("DOCKER_HOST is %q: only an engine on this machine will do, as unix:///PATH", host)
	}
	return socket, nil
}

func newEngineAPI(socket, version string) *engineAPI {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &engineAPI{socket, version, &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// negotiate agrees on a version and returns the engine's own name.
func (a *engineAPI) negotiate(ctx context.Context) (name string, err error) {
	var v struct {
		Version, APIVersion string `json:",omitempty"`
		MinAPIVersion       string
	}
	a.version = ""
	if err := a.call(ctx, "GET", "/version", nil, nil, &v); err != nil {
		return "", err
	}
	a.version, err = agree(v.APIVersion, v.MinAPIVersion)
	return "Docker Engine " + v.Version, err
}

// agree chooses the newest version that both sides speak.
func agree(newest, oldest string) (string, error) {
	version := newestAPI
	if older(newest, version) {
		version = newest
	}
	if older(version, oldestAPI) || oldest != "" && older(version, oldest) {
		return "", fmt.Errorf("the engine speaks the API versions %s to %s, this program %s to %s", oldest, newest, oldestAPI, newestAPI)
	}
	return version, nil
}

// older compares two versions such as "1.41". What is no version is older.
func older(a, b string) bool {
	parse := func(v string) int {
		major, minor, _ := strings.Cut(v, ".")
		x, err := strconv.Atoi(major)
		y, err2 := strconv.Atoi(minor)
		if err != nil || err2 != nil || x < 0 || y < 0 || x > 1000 || y > 1000 {
			return -1
		}
		return x*10000 + y
	}
	return parse(a) < parse(b)
}

func (a *engineAPI) path(name string, query url.Values) string {
	out := "http://docker"
	if a.version != "" {
		out += "/v" + a.version
	}
	if len(query) > 0 {
		name += "?" + query.Encode()
	}
	return out + name
}

// maxReply bounds what is read of an answer.
const maxReply = 1 << 20

// call sends a request and decodes the answer. A body that is no reader is sent
// as JSON; into may be nil, and gets the text as it is if it is of bytes.
func (a *engineAPI) call(ctx context.Context, method, name string, query url.Values, body, into any) error {
	reader, kind, err := encode(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, a.path(name, query), reader)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", kind)
	answer, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	switch {
	case answer.StatusCode >= 300:
		return &engineError{answer.StatusCode, message(text)}
	case err != nil:
		return err
	}
	if raw, ok := into.(*[]byte); ok {
		*raw = text
		return nil
	}
	if into != nil {
		return json.Unmarshal(text, into)
	}
	return nil
}

func encode(body any) (io.Reader, string, error) {
	switch b := body.(type) {
	case nil:
		return nil, "application/json", nil
	case io.Reader:
		return b, "application/x-tar", nil
	}
	text, err := json.Marshal(body)
	return bytes.NewReader(text), "application/json", err
}

// message is the reason in an answer, clipped.
func message(text []byte) string {
	var m struct{ Message string }
	if json.Unmarshal(text, &m) != nil || m.Message == "" {
		m.Message = strings.TrimSpace(string(text))
	}
	if len(m.Message) > 1000 {
		m.Message = m.Message[:1000]
	}
	return strings.ToValidUTF8(m.Message, "?")
}

// stream opens a connection on which the engine sends what a container prints.
func (a *engineAPI) stream(ctx context.Context, name string, query url.Values) (net.Conn, *bufio.Reader, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", a.socket)
	if err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, "POST", a.path(name, query), nil)
	if err == nil {
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "tcp")
		err = request.Write(conn)
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, request) //nolint:bodyclose // its body is the connection
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols && answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxReply))
		err = &engineError{answer.StatusCode, message(text)}
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, reader, nil
}
