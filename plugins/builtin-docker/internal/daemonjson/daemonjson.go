// SPDX-License-Identifier: Apache-2.0

// Package daemonjson reads daemon.json, the configuration file of dockerd, as
// dockerd does: a byte order mark and an empty file are fine, everything else
// is one JSON object, and a default runtime that is not defined stops the start.
//
// Reference: https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
package daemonjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Config is what a doctor reads of the file.
type Config struct {
	DefaultRuntime string
	Runtimes       []Runtime
	// CgroupDriver is that of exec-opts, "" when not set.
	CgroupDriver string
	// PidFile is where dockerd writes its process id, "" for the default.
	PidFile string
	// DataRoot is where images and containers are kept, "" for the default.
	DataRoot string
	// DefaultShmBytes is the size of /dev/shm of a container; 0 for the default.
	DefaultShmBytes int64
}

// Runtime is one entry of "runtimes".
type Runtime struct {
	Name string `json:"name"`
	// Path of the program; "" when only a type is given.
	Path string `json:"path,omitempty"`
	Type string `json:"type,omitempty"`
	// Line of the entry, from 1.
	Line int `json:"line"`
}

// Fault is why dockerd refuses the file. It is an error.
type Fault struct {
	// Line from 1.
	Line   int
	Reason string
}

func (f *Fault) Error() string { return fmt.Sprintf("line %d: %s", f.Line, f.Reason) }

type document struct {
	DefaultRuntime string             `json:"default-runtime"`
	Runtimes       map[string]runtime `json:"runtimes"`
	ExecOpts       []string           `json:"exec-opts"`
	PidFile        string             `json:"pidfile"`
	DataRoot       string             `json:"data-root"`
	ShmSize        json.RawMessage    `json:"default-shm-size"`

	// These are read for their types alone: dockerd refuses others, most often a
	// number in log-opts.
	Features           map[string]bool   `json:"features"`
	LogDriver          string            `json:"log-driver"`
	LogOpts            map[string]string `json:"log-opts"`
	StorageDriver      string            `json:"storage-driver"`
	StorageOpts        []string          `json:"storage-opts"`
	Mirrors            []string          `json:"registry-mirrors"`
	InsecureRegistries []string          `json:"insecure-registries"`
	DNS                []string          `json:"dns"`
	Debug              bool              `json:"debug"`
	LiveRestore        bool              `json:"live-restore"`
	IPTables           bool              `json:"iptables"`
	Experimental       bool              `json:"experimental"`
}

type runtime struct {
	Path string   `json:"path"`
	Type string   `json:"runtimeType"`
	Args []string `json:"runtimeArgs"`
}

// Parse reads the file. The error is a *Fault.
func Parse(data []byte) (Config, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return Config{}, nil
	}
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return Config{}, fault(data, err)
	}
	c := Config{DefaultRuntime: doc.DefaultRuntime, PidFile: doc.PidFile, DataRoot: doc.DataRoot, CgroupDriver: cgroupDriver(doc.ExecOpts), DefaultShmBytes: bytesOf(strings.Trim(string(doc.ShmSize), `"`))}
	top := keys(data, 1)
	block := find(top, "runtimes")
	lines := map[string]int{}
	for _, k := range keys(block.value, block.valueLine) {
		lines[k.name] = k.line
	}
	for name, r := range doc.Runtimes {
		c.Runtimes = append(c.Runtimes, Runtime{Name: name, Path: r.Path, Type: r.Type, Line: cmp.Or(lines[name], block.line)})
	}
	slices.SortFunc(c.Runtimes, func(a, b Runtime) int { return strings.Compare(a.Name, b.Name) })
	if !c.knows(c.DefaultRuntime) {
		return c, &Fault{
			Line:   find(top, "default-runtime").line,
			Reason: fmt.Sprintf("default-runtime is %q, which \"runtimes\" does not define", c.DefaultRuntime),
		}
	}
	return c, nil
}

// knows reports whether a runtime is defined, built in, or named in containerd's
// way, by a path or a dotted type.
func (c Config) knows(name string) bool {
	return name == "" || name == "runc" || strings.ContainsAny(name, "./") ||
		slices.ContainsFunc(c.Runtimes, func(r Runtime) bool { return r.Name == name })
}

var sized = pattern.Lazy(`^(\d{1,12})\s*([kmgt]?)i?b?$`)

// bytesOf reads "8G" or "512m"; 0 for other text.
func bytesOf(text string) int64 {
	m := sized().FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := 10 * strings.Index(" kmgt", cmp.Or(m[2], " "))
	if err != nil || n > 1<<50>>shift {
		return 0
	}
	return n << shift
}

func cgroupDriver(options []string) string {
	for _, o := range options {
		if v, ok := strings.CutPrefix(o, "native.cgroupdriver="); ok {
			return v
		}
	}
	return ""
}

// fault finds the line of a JSON error. A syntax error is reported where the
// reader stopped, which is the character after the mistake.
func fault(data []byte, err error) *Fault {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &Fault{Line: lineAt(data, syntax.Offset-1), Reason: "not valid JSON: " + syntax.Error()}
	}
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := "the file"
		if typ.Field != "" {
			where = fmt.Sprintf("%q", typ.Field)
		}
		return &Fault{Line: lineAt(data, typ.Offset-1), Reason: fmt.Sprintf("%s is a JSON %s where dockerd wants another type", where, typ.Value)}
	}
	return &Fault{Line: 1, Reason: err.Error()}
}

func lineAt(data []byte, offset int64) int {
	offset = min(max(offset, 0), int64(len(data)))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

// key is one key of an object and where it stands.
type key struct {
	name string
	line int
	// value and the line on which it begins.
	value     json.RawMessage
	valueLine int
}

// keys lists the keys of an object that begins on a line; nothing when data is
// no object.
func keys(data []byte, line int) []key {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var (
		out  []key
		done int64
	)
	advance := func(to int64) int {
		line += bytes.Count(data[done:to], []byte("\n"))
		done = to
		return line
	}
	for dec.More() {
		k := key{}
		t, err := dec.Token()
		if k.name, _ = t.(string); err != nil {
			return out
		}
		k.line = advance(dec.InputOffset())
		if dec.Decode(&k.value) != nil {
			return out
		}
		end := dec.InputOffset()
		k.valueLine = advance(end - int64(len(k.value)))
		advance(end)
		out = append(out, k)
	}
	return out
}

// find returns the last key of a name, which is the one that counts. Case is
// ignored, as encoding/json does.
func find(ks []key, name string) key {
	for _, k := range slices.Backward(ks) {
		if strings.EqualFold(k.name, name) {
			return k
		}
	}
	return key{line: 1, valueLine: 1}
}
