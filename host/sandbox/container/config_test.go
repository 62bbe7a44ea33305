// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// testMachine is a root host with everything.
func testMachine() *machine {
	return &machine{
		groups: true, name: "bulkhead-1-2-3", place: ProgramPath, hard: func(string) uint64 { return 1 << 40 },
		node: func(b Bind) (device, bool) {
			return device{Type: "c", Major: 195, Minor: 0, Mode: 0o666}, b.Access == Device
		},
	}
}

func mountAt(c *config, target string) *mount {
	for i := range c.Mounts {
		if c.Mounts[i].Destination == target {
			return &c.Mounts[i]
		}
	}
	return &mount{}
}

// The walls that no request can take down.
func TestConfigWalls(t *testing.T) {
	r := &Request{Args: []string{"x"}, Dir: "/host", UID: 61234}
	for name, m := range map[string]*machine{"root": testMachine(), "user": {
		euid: 1000, egid: 1000, place: ProgramPath, hard: testMachine().hard, node: testMachine().node,
	}} {
		c := newConfig(r, m)
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"bounding":[],"effective":[],"inheritable":[],"permitted":[],"ambient":[]`, `"noNewPrivileges":true`,
			`"root":{"path":"rootfs","readonly":true}`, `"terminal":false`, `"/proc/kcore"`, `"/proc/sys"`,
		} {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%s: the configuration lacks %s", name, want)
			}
		}
		for _, kind := range []string{"pid", "network", "ipc", "uts", "mount", "cgroup"} {
			if !slices.Contains(c.Linux.Namespaces, namespace{kind}) {
				t.Errorf("%s: no %s namespace", name, kind)
			}
		}
		if own := slices.Contains(c.Linux.Namespaces, namespace{"user"}); own != (name == "user") {
			t.Errorf("%s: user namespace %v", name, own)
		}
		if (c.Linux.Resources != nil) != (name == "root") {
			t.Errorf("%s: resources %v", name, c.Linux.Resources)
		}
	}
}

func TestConfigUser(t *testing.T) {
	r := &Request{Args: []string{"x"}, Dir: "/host", UID: 61234}
	if u := newConfig(r, testMachine()).Process.User; u != (user{61234, 61234, 0o077}) {
		t.Errorf("root's program: %+v", u)
	}
	m := testMachine()
	m.euid, m.egid = 1000, 1001
	c := newConfig(r, m)
	if c.Process.User != (user{0, 0, 0o077}) || !slices.Equal(c.Linux.UIDMappings, []mapping{{0, 1000, 1}}) || !slices.Equal(c.Linux.GIDMappings, []mapping{{0, 1001, 1}}) {
		t.Errorf("a user's program: %+v, %+v", c.Process.User, c.Linux.UIDMappings)
	}
}

func TestConfigMounts(t *testing.T) {
	r := &Request{Args: []string{"x"}, Dir: "/host", Limits: Limits{ScratchBytes: 4096, ScratchInodes: 7}, Binds: []Bind{
		{Source: "/r", Target: "/target/r"}, {Source: "/w", Target: "/target/w", Access: Write},
		{Source: "/l", Target: "/l", Access: Library}, {Source: "/x", Target: "/x", Access: Exec},
		{Source: "/dev/n", Target: "/dev/n", Access: Device},
	}}
	m := testMachine()
	m.secrets = "/secrets"
	c := newConfig(r, m)
	for target, want := range map[string]struct{ has, lacks string }{
		"/target/r": {"ro nosuid nodev noexec", ""}, "/target/w": {"nosuid nodev noexec", "ro"},
		"/l": {"ro nosuid nodev", "noexec"}, "/x": {"ro nosuid nodev", "noexec"},
		SecretsDir: {"ro nosuid nodev noexec", ""}, PrivateDir: {"rw nosuid nodev noexec", "ro"},
		ScratchDir: {"size=4096 nr_inodes=7 noexec nosuid nodev", ""}, "/proc": {"nosuid noexec nodev", ""},
	} {
		got := mountAt(c, target)
		for option := range strings.FieldsSeq(want.has) {
			if !slices.Contains(got.Options, option) {
				t.Errorf("%s: no %s in %v", target, option, got.Options)
			}
		}
		if want.lacks != "" && slices.Contains(got.Options, want.lacks) {
			t.Errorf("%s: %s in %v", target, want.lacks, got.Options)
		}
	}
	if mountAt(c, "/dev/n").Source != "" || len(c.Linux.Devices) != 1 || c.Linux.Devices[0].Path != "/dev/n" {
		t.Errorf("devices %+v", c.Linux.Devices)
	}
	if rules := c.Linux.Resources.Devices; len(rules) != 2 || rules[0].Allow || *rules[1].Major != 195 || rules[1].Access != "rw" {
		t.Errorf("device rules %+v", rules)
	}
}

// A program is executed at the place that its arguments name, whatever lies there.
func TestConfigPlace(t *testing.T) {
	const place = "/opt/venv/bin/python"
	m := testMachine()
	m.program, m.place = "/state/rootfs/program", place
	r := &Request{Args: []string{place, "-I"}, Dir: "/host", Binds: []Bind{{Source: "/v", Target: "/opt/venv", Access: Library}}}
	c := newConfig(r, m)
	last := c.Mounts[len(c.Mounts)-1]
	if !slices.Equal(c.Process.Args, r.Args) || last.Destination != place || last.Source != m.program || !slices.Contains(last.Options, "ro") || slices.Contains(last.Options, "noexec") {
		t.Errorf("%q is executed, and mounted last is %+v", c.Process.Args, last)
	}
	d := newDockerContainer(r, "image", 1, m)
	if mounted := d.HostConfig.Mounts; !slices.Equal(d.Entrypoint, r.Args) || mounted[len(mounted)-1] != (dockerMount{"bind", m.program, place, true, dockerBind{"rprivate"}}) {
		t.Errorf("the engine executes %q, and mounts %+v", d.Entrypoint, mounted)
	}
	r.Args[0], m.place = "python", ProgramPath
	if c := newConfig(r, m); !slices.Equal(c.Process.Args, []string{ProgramPath, "-I"}) || mountAt(c, place).Source != "" {
		t.Errorf("without a place %q is executed", c.Process.Args)
	}
}

func TestConfigLimits(t *testing.T) {
	m := testMachine()
	m.hard = func(kind string) uint64 {
		if kind == "RLIMIT_NOFILE" {
			return 100
		}
		return Unlimited
	}
	r := &Request{Args: []string{"x"}, Dir: "/host", Limits: Limits{
		OpenFiles: 256, DataBytes: Unlimited, FileBytes: 1 << 20, CPUs: 0.001, Processes: Unlimited, MemoryBytes: 1 << 30,
	}}
	c := newConfig(r, m)
	for _, want := range []rlimit{{"RLIMIT_NOFILE", 100, 100}, {"RLIMIT_FSIZE", 1 << 20, 1 << 20}, {"RLIMIT_CORE", 0, 0}} {
		if !slices.Contains(c.Process.Rlimits, want) {
			t.Errorf("no %+v in %+v", want, c.Process.Rlimits)
		}
	}
	if slices.ContainsFunc(c.Process.Rlimits, func(l rlimit) bool { return l.Type == "RLIMIT_DATA" }) {
		t.Error("an unlimited resource is limited")
	}
	if res := c.Linux.Resources; res.Memory.Limit != 1<<30 || res.Pids != nil || *res.CPU != (cpu{1000, 100_000}) {
		t.Errorf("resources %+v", res)
	}
}

func TestSeccomp(t *testing.T) {
	if s := newSeccomp(&Request{}); !refuses(s, "fork") || !refuses(s, "bpf") || refuses(s, "execve") {
		t.Errorf("without programs: %+v", s)
	}
	tools := newSeccomp(&Request{Binds: []Bind{{Access: Exec}}})
	if refuses(tools, "fork") || !refuses(tools, "bpf") {
		t.Errorf("with programs: %+v", tools)
	}
	slices.Sort(refusedCalls)
	if twice := len(refusedCalls) - len(slices.Compact(slices.Clone(refusedCalls))); twice != 0 {
		t.Errorf("%d calls are named twice", twice)
	}
}

func refuses(s *seccomp, call string) bool {
	return slices.ContainsFunc(s.Syscalls, func(r seccompRule) bool {
		return slices.Contains(r.Names, call) && len(r.Args) == 0 && r.Action == "SCMP_ACT_ERRNO"
	})
}

func TestRequestCheck(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"good":               func(*Request) {},
		"no program":         func(r *Request) { r.Exe = nil },
		"no arguments":       func(r *Request) { r.Args = nil },
		"no runtime":         func(r *Request) { r.Runtime = "" },
		"relative directory": func(r *Request) { r.Dir = "d" },
		"secret with a path": func(r *Request) { r.Secrets = []Secret{{Name: "../x"}} },
		"secret of dots":     func(r *Request) { r.Secrets = []Secret{{Name: ".."}} },
		"relative source":    func(r *Request) { r.Binds = []Bind{{Source: "a", Target: "/target/a"}} },
		"unclean target":     func(r *Request) { r.Binds = []Bind{{Source: "/a", Target: "/target/../x"}} },
		"the root":           func(r *Request) { r.Binds = []Bind{{Source: "/a", Target: "/"}} },
		"over the program":   func(r *Request) { r.Binds = []Bind{{Source: "/a", Target: ProgramPath}} },
		"in proc":            func(r *Request) { r.Binds = []Bind{{Source: "/a", Target: "/proc/x"}} },
		"file in dev":        func(r *Request) { r.Binds = []Bind{{Source: "/a", Target: "/dev/x"}} },
		"good place":         func(r *Request) { r.Args = []string{"/opt/venv/bin/python"} },
		"unclean place":      func(r *Request) { r.Args = []string{"/opt/../bin/python"} },
		"place in scratch":   func(r *Request) { r.Args = []string{"/tmp/venv/bin/python"} },
		"place is the root":  func(r *Request) { r.Args = []string{"/"} },
		"good device":        func(r *Request) { r.Binds = []Bind{{Source: "/dev/x", Target: "/dev/x", Access: Device}} },
	} {
		r := &Request{Runtime: "runc", Exe: os.Stdin, Args: []string{"x"}, Dir: "/d"}
		change(r)
		if err := r.check(); (err == nil) != strings.HasPrefix(name, "good") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func frame(stream byte, text string) []byte {
	out := make([]byte, 8, 8+len(text))
	out[0] = stream
	binary.BigEndian.PutUint32(out[4:], uint32(len(text)))
	return append(out, text...)
}

func TestDemultiplex(t *testing.T) {
	input := slices.Concat(frame(1, "out"), frame(2, "err"), frame(1, ""), frame(1, "more"))
	var stdout, stderr bytes.Buffer
	if err := demultiplex(bytes.NewReader(input), &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	if stdout.String() != "outmore" || stderr.String() != "err" {
		t.Errorf("%q and %q", stdout.String(), stderr.String())
	}
	for _, broken := range [][]byte{input[:5], input[:10], frame(3, "x"), frame(0, "")} {
		if err := demultiplex(bytes.NewReader(broken), io.Discard, io.Discard); err == nil {
			t.Errorf("%q was accepted", broken)
		}
	}
}

// closed is a pipe that nobody reads.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestDemultiplexOutlivesItsReaders(t *testing.T) {
	var stderr bytes.Buffer
	input := slices.Concat(frame(1, "out"), frame(2, "err"))
	if err := demultiplex(bytes.NewReader(input), closed{}, &stderr); err != nil || stderr.String() != "err" {
		t.Errorf("%q, %v", stderr.String(), err)
	}
}

func FuzzDemultiplex(f *testing.F) {
	f.Add(slices.Concat(frame(1, "a"), frame(2, "b")))
	f.Add([]byte{1, 0, 0, 0, 255, 255, 255, 255, 'x'})
	f.Fuzz(func(t *testing.T, input []byte) {
		var stdout, stderr bytes.Buffer
		err := demultiplex(bytes.NewReader(input), &stdout, &stderr)
		if total := stdout.Len() + stderr.Len(); total > len(input) {
			t.Errorf("%d bytes out of %d", total, len(input))
		}
		if err == nil && len(input)%8 != 0 && stdout.Len()+stderr.Len() == 0 && len(input) > 0 {
			t.Errorf("%q was taken for nothing", input)
		}
	})
}
