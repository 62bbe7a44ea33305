// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// Reattach is a process that somebody started by hand, with what it said of itself.
type Reattach handshake.Reattach

// maxReattach bounds the text of ParseReattach, in bytes.
const maxReattach = 64 << 10

// ParseReattach reads the value of BULKHEAD_REATTACH_PLUGINS: what a plugin that was
// started with BULKHEAD_PLUGIN_DEBUG=1 printed, by the plugins' names. Several of
// those texts can be joined into one object.
func ParseReattach(text string) (map[string]Reattach, error) {
	wrong := func(err error) error {
		return fmt.Errorf("%s is not what a plugin under a debugger prints (%w); copy its line again, with the quotes", handshake.EnvReattach, err)
	}
	if len(text) > maxReattach {
		return nil, wrong(fmt.Errorf("it has %d bytes", len(text)))
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var out map[string]Reattach
	if err := dec.Decode(&out); err != nil {
		return nil, wrong(err)
	}
	if dec.More() {
		return nil, wrong(errors.New("text after the object"))
	}
	for name, r := range out {
		if !validName().MatchString(name) || r.PID <= 0 || r.Network != "unix" || !filepath.IsAbs(r.Address) {
			return nil, wrong(fmt.Errorf("plugin %q has no pid, or no absolute path of a unix socket", name))
		}
	}
	return out, nil
}

// Program names what runs, for a report.
func (r Reattach) Program() string {
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.PID)); err == nil {
		return exe
	}
	return fmt.Sprintf("process %d", r.PID)
}

// check wants a socket of this user in a directory that nobody else may enter.
func (r Reattach) check(majors []int) error {
	if !slices.Contains(majors, r.Protocol) {
		return &HandshakeError{Version, versionDetail(fmt.Sprint(r.Protocol), r.Protocol, majors)}
	}
	for _, at := range []struct {
		path string
		mode fs.FileMode
	}{{filepath.Dir(r.Address), fs.ModeDir}, {r.Address, fs.ModeSocket}} {
		info, err := os.Lstat(at.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return r.refused("it is not there any more; start the plugin again under its debugger, and set " + handshake.EnvReattach + " to what it prints, or unset it")
		case err != nil:
			return r.refused(err.Error())
		case info.Mode().Type() != at.mode:
			return r.refused(at.path + " is no " + map[fs.FileMode]string{fs.ModeDir: "directory", fs.ModeSocket: "socket"}[at.mode])
		case !ownedAlone(info) || at.mode == fs.ModeDir && info.Mode().Perm()&0o077 != 0:
			return r.refused(at.path + " is not this user's alone")
		}
	}
	return nil
}

func (r Reattach) refused(reason string) error {
	return &AddressError{r.Network, sanitize(r.Address), reason}
}

// untimed is the deadline of calls to a plugin whose author steps through it.
const untimed = 24 * time.Hour

// reattach is Launch for a process that runs already.
func reattach(ctx context.Context, spec Spec, options Options) (*Process, error) {
	if err := spec.Reattach.check(spec.Protocols); err != nil {
		return nil, &StartError{Plugin: spec.Name, Err: err}
	}
	spec.CallTimeout, spec.LifeTime = untimed, 0
	options.Drain = nil // it serves the next host as well
	attendant, err := prepare(&spec, &options)
	if err != nil {
		return nil, &StartError{Plugin: spec.Name, Err: err}
	}
	p := newProcess(spec, options, "", program{})
	p.attendant = attendant
	p.client = newClient(p)
	return p.begin(ctx)
}

// reattach meets a process that runs already: there is no first line to read, and
// its socket is its author's.
func (r *sandboxRunner) reattach() error {
	process, err := sandbox.Attach(r.spec.Reattach.PID)
	if err != nil {
		return fmt.Errorf("%w; start the plugin again under its debugger, or unset %s", err, handshake.EnvReattach)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	silent := make(chan struct{})
	close(silent)
	r.process, r.logged, r.major = process, silent, r.spec.Reattach.Protocol
	r.host, r.release = [2]string{r.spec.Reattach.Network, r.spec.Reattach.Address}, func() {}
	if r.first, r.dialled = r.connect(r.starting); r.dialled != nil {
		return r.dialled
	}
	if err := checkOwner(r.first); err != nil {
		return r.spec.Reattach.refused(err.Error())
	}
	return nil
}

// parted is the end of a process that the host was attached to.
func (p *Process) parted(v verdict) verdict {
	if p.spec.Reattach == nil || p.dying() {
		return v
	}
	v.cause, v.detail = Parted, fmt.Sprintf("process %d", p.spec.Reattach.PID)
	v.hint = "start it again under its debugger, and set " + handshake.EnvReattach + " to what it prints"
	return v
}
