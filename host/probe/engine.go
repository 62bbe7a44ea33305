// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// maxList bounds the lists of an engine's answer.
const maxList = 64

func few(list []string) []string { return list[:min(len(list), maxList)] }

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// engineProbe asks the engine where there is a socket or a command for one.
func engineProbe(facts fact.Set, o *Options) []Probe {
	endpoint := engineSocket(o.Env)
	if endpoint == "" {
		return nil
	}
	if _, err := os.Stat(endpoint); err != nil {
		if _, installed := facts.Lookup("docker.client.path"); !installed {
			return nil
		}
	}
	return []Probe{{Address: DockerAddress, Title: "ask the container engine", Deadline: engineTime, run: askEngine(endpoint)}}
}

// engineSocket is the socket that the docker command would use; "" when that
// asks an engine by another way. An engine at another machine is not this
// machine's.
func engineSocket(env map[string]string) string {
	if host := env["DOCKER_HOST"]; host != "" {
		socket, ok := strings.CutPrefix(host, "unix://")
		if !ok || !filepath.IsAbs(socket) {
			return ""
		}
		return filepath.Clean(socket)
	}
	places := []string{"/var/run/docker.sock"}
	if dir := env["XDG_RUNTIME_DIR"]; dir != "" {
		places = append(places, filepath.Join(dir, "docker.sock"), filepath.Join(dir, "podman/podman.sock"))
	}
	for _, place := range append(places, "/run/podman/podman.sock") {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return places[0]
}

func askEngine(socket string) func(context.Context, *Options) []fact.Fact {
	return func(ctx context.Context, o *Options) []fact.Fact {
		d := Docker{Endpoint: "unix://" + socket}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unix", socket)
		if err == nil {
			t := talk{Engine: true, Asks: []ask{{Method: http.MethodGet, URL: "http://engine/version"}, {Method: http.MethodGet, URL: "http://engine/info"}}}
			var s said
			if s, err = converse(ctx, conn, t, o); err == nil {
				d.EngineInfo, d.Error = s.Engine.cleaned(), engineProblem(s)
				d.OK = d.Error == ""
			}
		}
		if err != nil {
			d.Error = clean(err.Error())
		}
		return []fact.Fact{known(DockerAddress, d, "GET /version, /info", firstOf(d.Error, d.Version, "ok"))}
	}
}

// converse lends a connection to a speaker in a sandbox.
func converse(ctx context.Context, conn net.Conn, t talk, o *Options) (said, error) {
	defer conn.Close()
	filer, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return said{}, errors.New("this connection cannot be lent to a sandbox")
	}
	file, err := filer.File()
	if err != nil {
		return said{}, err
	}
	defer file.Close()
	spec, err := speakerSpec(t, file, o)
	if err != nil {
		return said{}, err
	}
	defer spec.Exe.Close()
	out, err := launch(ctx, spec)
	if err != nil {
		return said{}, err
	}
	var s said
	if json.Unmarshal(out.answer, &s) != nil {
		return said{}, errors.New(out.died())
	}
	s.Error, s.Text, s.Stage = clean(s.Error), clean(s.Text), clean(s.Stage)
	return s, nil
}

// speakerSpec is the sandbox of a speaker: a connection and the roots of TLS.
func speakerSpec(t talk, connection *os.File, o *Options) (sandbox.Spec, error) {
	request, err := json.Marshal(t)
	if err != nil {
		return sandbox.Spec{}, err
	}
	name, err := os.Executable()
	if err != nil {
		return sandbox.Spec{}, err
	}
	exe, err := os.Open(name)
	if err != nil {
		return sandbox.Spec{}, err
	}
	spec := sandbox.Spec{
		Exe: exe, Args: []string{name, Word}, Inherit: []*os.File{connection},
		Env: []string{"GOTRACEBACK=none", requestVariable + "=" + string(request)}, Floor: o.Floor,
	}
	if t.TLS != "" {
		certificates(&spec, o.Env)
	}
	return spec, nil
}

// problem is why a conversation is no success; "" when it is one.
func (s said) problem() string {
	if s.Error != "" {
		return s.Error
	}
	if s.Status >= http.StatusBadRequest {
		return statusText(s.Status)
	}
	return ""
}

// statusText says what a status means, the ones that somebody made up too.
func statusText(status int) string {
	return firstOf(http.StatusText(status), fmt.Sprintf("HTTP status %d", status))
}

// engineProblem is why an answer is not that of an engine that works.
func engineProblem(s said) string {
	switch problem := s.problem(); {
	case problem != "":
		return problem
	case s.Status != http.StatusOK:
		return "it answered " + statusText(s.Status)
	case s.Engine.Version == "":
		return "what answers there is no container engine: it names no version"
	}
	return ""
}

// maxWord bounds a word of an engine: an answer of the longest ones fits in what
// is read of a probe.
const maxWord = 400

// cleaned makes a server's words fit for a report.
func (e EngineInfo) cleaned() EngineInfo {
	for _, s := range []*string{&e.Version, &e.API, &e.DefaultRuntime, &e.StorageDriver, &e.CgroupDriver, &e.CgroupVersion, &e.DataRoot} {
		*s = word(*s)
	}
	for _, list := range [][]string{e.Runtimes, e.CDIDirs, e.CDIDevices, e.Warnings} {
		for i := range list {
			list[i] = word(list[i])
		}
	}
	return e
}

func word(s string) string { return clean(s[:min(len(s), maxWord)]) }
