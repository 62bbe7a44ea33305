// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// EnvHost is the environment variable that names the executable of the host.
const EnvHost = "BULKHEAD"

// DefaultGrace is how long a host may take to end a run that was cancelled. It
// needs well under a second, to take back what it began and to end its plugins.
const DefaultGrace = 900 * time.Millisecond

// Host says which host runs a pipeline, and how. The zero Host is the installed
// one, with its defaults.
type Host struct {
	// Path of the executable. Empty: that of $BULKHEAD, else "bulkhead" in PATH.
	Path string
	// Dir is the working directory; empty for that of this process. The paths of a
	// pipeline that was built are relative to it.
	Dir string
	// Env is the environment; nil for that of this process.
	Env []string
	// With names more files and directories of the configuration, for example
	// with the suites of a preflight.
	With []string
	// Pipeline is the one to run, when the configuration has several.
	Pipeline string
	// Vars are values of variables, by name: text for a variable of type string,
	// else an expression. VarFiles are files of them, which are weaker.
	Vars     map[string]string
	VarFiles []string
	// Save is a directory for states, reports and tables.
	Save string
	// Timeout of the whole run; zero for that of the configuration.
	Timeout time.Duration
	// Sandbox is the weakest level to accept, such as "full"; empty for that of
	// the configuration.
	Sandbox string
	// Cached is whether outcomes are kept and used again; nil for what the
	// configuration says.
	Cached *bool
	// SkipPreflight runs also when the machine does not pass the preflight, and
	// NoRecord leaves no record of the run.
	SkipPreflight, NoRecord bool
	// Grace is how long the host may take to end after the context did, before it
	// is killed with its plugins; zero for DefaultGrace.
	Grace time.Duration
	// Stderr gets what the host writes to its standard error: progress and
	// warnings for people. Nil drops it, but for the end that a CrashError has.
	Stderr io.Writer
	// OnEvent and OnProgress are called for each event, one at a time and in
	// order, and for each progress of a node. A slow one slows the run down; none
	// may wait for the run.
	OnEvent    func(Event)
	OnProgress func(node string, p Progress)
}

// executable finds the host.
func (h Host) executable() (string, error) {
	name := cmp.Or(h.Path, h.getenv(EnvHost), "bulkhead")
	path, err := exec.LookPath(name)
	if err != nil {
		return "", &NotFoundError{Path: name, Err: err}
	}
	return path, nil
}

// getenv reads the environment that the host will have; the last value counts.
func (h Host) getenv(name string) string {
	if h.Env == nil {
		return os.Getenv(name)
	}
	value := ""
	for _, line := range h.Env {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			value = v
		}
	}
	return value
}

// args are those of `bulkhead run`.
func (h Host) args(paths []string) []string {
	out := []string{"run", "--events"}
	text := func(flag, value string) {
		if value != "" {
			out = append(out, flag+"="+value)
		}
	}
	flag := func(name string, on bool) {
		if on {
			out = append(out, name)
		}
	}
	text("--pipeline", h.Pipeline)
	text("--save", h.Save)
	text("--sandbox", h.Sandbox)
	if h.Timeout > 0 {
		text("--timeout", h.Timeout.String())
	}
	for _, name := range slices.Sorted(maps.Keys(h.Vars)) {
		text("--var", name+"="+h.Vars[name])
	}
	for _, file := range h.VarFiles {
		text("--var-file", file)
	}
	flag("--cache", h.Cached != nil && *h.Cached)
	flag("--no-cache", h.Cached != nil && !*h.Cached)
	flag("--skip-preflight", h.SkipPreflight)
	flag("--no-record", h.NoRecord)
	return slices.Concat(out, []string{"--"}, paths, h.With)
}

// The documents of a host that this package reads: of this major version, and at
// least of this minor one.
const (
	schemaMajor = 1
	schemaMinor = 2
)

// maxVersion bounds what `bulkhead version` may print, in bytes, and
// versionPatience how long it may take.
const (
	maxVersion      = 1 << 20
	versionPatience = 20 * time.Second
)

// checked are the executables that fit, by path, size and time of change.
var checked sync.Map

type checkedKey struct {
	path    string
	size    int64
	changed time.Time
}

// check asks the executable once what it is.
func (h Host) check(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return &NotFoundError{Path: path, Err: err}
	}
	key := checkedKey{path, info.Size(), info.ModTime()}
	if _, ok := checked.Load(key); ok {
		return nil
	}
	text, err := h.version(ctx, path)
	if err != nil {
		return err
	}
	if err := fits(path, text); err != nil {
		return err
	}
	checked.Store(key, true)
	return nil
}

// version runs `bulkhead version --json`. How it ends does not matter, since a
// host says who it is also when it fails.
func (h Host) version(ctx context.Context, path string) ([]byte, error) {
	limit, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	cmd := exec.CommandContext(limit, path, "version", "--json")
	out := &limited{max: maxVersion}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.WaitDelay = h.Dir, h.Env, out, time.Second
	inGroup(cmd)
	cmd.Cancel = func() error { return kill(cmd.Process) }
	if err := cmd.Start(); err != nil {
		return nil, &NotFoundError{Path: path, Err: err}
	}
	_ = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case limit.Err() != nil:
		return nil, &VersionError{Path: path, Problem: fmt.Sprintf("`version --json` gave no answer in %v; it is no Bulkhead host, or the machine is overloaded", versionPatience)}
	}
	return out.bytes, nil
}

// limited keeps the first bytes that are written to it and drops the rest.
type limited struct {
	max   int
	bytes []byte
}

// Write never fails.
func (l *limited) Write(p []byte) (int, error) {
	l.bytes = append(l.bytes, p[:min(len(p), l.max-len(l.bytes))]...)
	return len(p), nil
}

// fits judges what a host says of itself.
func fits(path string, text []byte) error {
	var said struct {
		Schema string `json:"schema_version"`
		Tool   Tool   `json:"tool"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(text), &said); err != nil || said.Tool.Name != "bulkhead" {
		return &VersionError{Path: path, Problem: "it does not answer `version --json` as a Bulkhead host does; name another executable with Host.Path or " + EnvHost}
	}
	e := &VersionError{Path: path, Version: said.Tool.Version, Schema: said.Schema}
	major, minor, ok := schemaVersion(said.Schema)
	switch {
	case !ok:
		e.Problem = fmt.Sprintf("it prints documents of schema %q, which is no version; install another host", said.Schema)
	case major < schemaMajor || major == schemaMajor && minor < schemaMinor:
		e.Problem = fmt.Sprintf("it prints documents of schema %s, and this program needs %d.%d; install a newer host", said.Schema, schemaMajor, schemaMinor)
	case major > schemaMajor:
		e.Problem = fmt.Sprintf("it prints documents of schema %s, and this program knows %d.x; build the program with a newer SDK", said.Schema, schemaMajor)
	default:
		return nil
	}
	return e
}

func schemaVersion(text string) (major, minor int, ok bool) {
	first, second, ok := strings.Cut(text, ".")
	major, errMajor := strconv.Atoi(first)
	minor, errMinor := strconv.Atoi(second)
	return major, minor, ok && errMajor == nil && errMinor == nil
}
