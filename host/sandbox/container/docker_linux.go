// SPDX-License-Identifier: Apache-2.0

package container

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// dockerEngine is the name of the runtime that is Docker.
const dockerEngine = "docker"

// imageName is the repository of the images that hold one program each. Their tag
// is the digest of the program.
const imageName = "bulkhead-plugin"

// dockerPlan is what a monitor needs to know of an engine.
type dockerPlan struct {
	Socket    string
	Digest    string // of the program, sha256, 64 hex digits
	Container dockerContainer
}

// docker drives an engine.
type docker struct {
	plan    *plan
	client  *engineAPI
	runtime string
	id      string
	asked   bool // the engine may have made the container
	output  net.Conn
	copied  chan struct{}
	killed  atomic.Bool // by us
}

// fillDocker writes the program where the monitor finds it, and describes the
// container.
func (p *plan) fillDocker(r *Request, secrets string) error {
	socket, err := engineSocket()
	if err != nil {
		return err
	}
	if len(r.Inherit) > 0 {
		return errors.New("the engine cannot hand descriptors to a program: Request.Inherit must be empty")
	}
	if err := copyProgram(r.Exe, p.program()); err != nil {
		return err
	}
	digest, err := digestOf(p.program())
	if err != nil {
		return err
	}
	m, err := thisMachine(p, r, secrets)
	if err != nil {
		return err
	}
	container := newDockerContainer(r, imageName+":"+digest, p.UID, m)
	p.Docker = &dockerPlan{Socket: socket, Digest: digest, Container: container}
	p.Seccomp, p.Groups = false, true
	return nil
}

func digestOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), err
}

func (d *docker) create(ctx context.Context) (_ int, err error) {
	d.client = newEngineAPI(d.plan.Docker.Socket, "")
	if d.runtime, err = d.client.negotiate(ctx); err != nil {
		return 0, err
	}
	if err := d.image(ctx); err != nil {
		return 0, fmt.Errorf("making the image: %w", err)
	}
	var made struct {
		ID string `json:"Id"`
	}
	query := url.Values{"name": {d.plan.Name}}
	d.asked = true
	if err := d.client.call(ctx, "POST", "/containers/create", query, d.plan.Docker.Container, &made); err != nil {
		return 0, err
	}
	d.id = made.ID
	conn, reader, err := d.client.stream(ctx, d.at("/attach"), url.Values{"stream": {"1"}, "stdout": {"1"}, "stderr": {"1"}})
	if err != nil {
		return 0, fmt.Errorf("attaching: %w", err)
	}
	d.output, d.copied = conn, make(chan struct{})
	go func() {
		defer close(d.copied)
		_ = demultiplex(reader, os.Stdout, os.Stderr)
	}()
	return 0, nil
}

// at is the path of something about the container.
func (d *docker) at(what string) string { return "/containers/" + d.id + what }

// image makes sure that the engine has an image with the program.
func (d *docker) image(ctx context.Context) error {
	digest := d.plan.Docker.Digest
	err := d.client.call(ctx, "GET", "/images/"+imageName+":"+digest+"/json", nil, nil, nil)
	if answer, ok := errors.AsType[*engineError](err); !ok || answer.Status != http.StatusNotFound {
		return err
	}
	reader, writer := io.Pipe()
	defer func() { _ = reader.Close() }()
	go func() { writer.CloseWithError(packProgram(writer, d.plan.program())) }()
	query := url.Values{"fromSrc": {"-"}, "repo": {imageName}, "tag": {digest}}
	return d.client.call(ctx, "POST", "/images/create", query, io.Reader(reader), nil)
}

// packProgram writes an archive that holds a program and nothing else. Equal
// programs make equal archives.
func packProgram(to io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w := tar.NewWriter(to)
	header := &tar.Header{Name: strings.TrimPrefix(ProgramPath, "/"), Mode: 0o555, Size: info.Size(), Format: tar.FormatPAX}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.Copy(w, f); err != nil {
		return err
	}
	return w.Close()
}

// dockerState is the part of an inspection that is used.
type dockerState struct {
	State struct {
		Pid       int
		ExitCode  int
		OOMKilled bool
	}
}

func (d *docker) start(ctx context.Context) (*started, error) {
	if err := d.client.call(ctx, "POST", d.at("/start"), nil, nil, nil); err != nil {
		return nil, err
	}
	var now dockerState
	if err := d.client.call(ctx, "GET", d.at("/json"), nil, nil, &now); err != nil {
		return nil, err
	}
	return &started{PID: now.State.Pid, Runtime: d.runtime, Groups: controllers}, nil
}

// wait asks the engine, which answers when the program has ended, and gives its
// output a moment to arrive.
func (d *docker) wait() (*Exit, error) {
	ctx := context.Background()
	if err := d.client.call(ctx, "POST", d.at("/wait"), nil, nil, nil); err != nil {
		return nil, err
	}
	select {
	case <-d.copied:
	case <-time.After(time.Second):
	}
	_ = d.output.Close()
	var end dockerState
	if err := d.client.call(ctx, "GET", d.at("/json"), nil, nil, &end); err != nil {
		return nil, err
	}
	e := exitOf(end.State.ExitCode)
	if e.Signal == syscall.SIGKILL {
		e.OutOfMemory = end.State.OOMKilled || !d.killed.Load() && d.ranOut(ctx)
	}
	return e, nil
}

// The engine hears of the end and of a want of memory by different ways. Where the
// latter comes second, an inspection does not tell of it, but an event does.
const (
	oomPatience = time.Second
	oomLooks    = 10
)

// ranOut looks for the event. Nobody else kills containers of ours, so that it is
// seldom waited for in vain.
func (d *docker) ranOut(ctx context.Context) bool {
	filters, _ := json.Marshal(map[string][]string{"container": {d.id}, "event": {"oom"}}) // of texts: cannot fail
	for range oomLooks {
		now := time.Now()
		query := url.Values{"since": {"0"}, "until": {fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond())}, "filters": {string(filters)}}
		var events []byte
		if err := d.client.call(ctx, "GET", "/events", query, nil, &events); err != nil || len(events) > 0 {
			return err == nil
		}
		time.Sleep(oomPatience / oomLooks)
	}
	return false
}

// exitOf reads a code the way Docker writes it: 128 and the signal.
func exitOf(code int) *Exit {
	const last = 64 // signal numbers end here
	if code > 128 && code <= 128+last {
		return &Exit{Code: -1, Signal: syscall.Signal(code - 128)}
	}
	return &Exit{Code: code}
}

func (d *docker) kill() {
	d.killed.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = d.client.call(ctx, "POST", d.at("/kill"), nil, nil, nil)
}

// remove asks for the container by its name: a sweep knows no more.
func (d *docker) remove() error {
	if d.plan.Docker == nil || d.client != nil && !d.asked {
		return nil // it was never made
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if d.client == nil {
		d.client = newEngineAPI(d.plan.Docker.Socket, "")
		if _, err := d.client.negotiate(ctx); err != nil {
			return err
		}
	}
	err := d.client.call(ctx, "DELETE", "/containers/"+d.plan.Name, url.Values{"force": {"1"}, "v": {"1"}}, nil, nil)
	if answer, ok := errors.AsType[*engineError](err); ok && (answer.Status == http.StatusNotFound || answer.Status == http.StatusConflict) {
		return nil // gone, or going already
	}
	return err
}
