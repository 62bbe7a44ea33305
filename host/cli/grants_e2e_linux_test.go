// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// Every kind of grant through the real host: what is granted works, what is not
// does not, and the report and the audit log say which is which.

// confidential has characters that URLs and shells write in other ways.
const confidential = "hf_+/s3cret=&value!"

// withSecret is the block that gives the probe's secret a value.
const withSecret = "secret \"token\" {\n  file = \"token.txt\"\n}\n"

// surroundings are the walls that grants must work behind.
var surroundings = map[string]struct {
	credential *syscall.Credential
	spaces     bool // programs may be started
	level      string
	inside     string // of the plugin's block
	bare       bool   // no namespaces can be made
}{
	"this user":                        {spaces: true, level: "full(\\+quota)?"},
	"ordinary user":                    {spaces: true, level: "full(\\+quota)?", credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
	"without namespaces":               {level: "walls-only", bare: true},
	"ordinary user without namespaces": {level: "walls-only", bare: true, credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
	"container runtime":                {spaces: true, level: "container", inside: "sandbox {\n  runtime = \"runc\"\n}\n"},
}

// noSpaces starts a program where no namespace can be made.
const noSpaces = `echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"`

// without takes namespaces from the host.
func (p *probe) without(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"unshare", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	p.wrap = []string{"unshare", "-Ur", "sh", "-c", noSpaces, "sh"}
}

func needRunc(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("runc"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs runc, and root")
	}
}

// server answers "hello", with TLS or without, and returns "HOST:PORT".
func server(t *testing.T, start func(http.Handler) *httptest.Server) (*httptest.Server, string) {
	t.Helper()
	s := start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(s.Close)
	return s, strings.SplitAfter(s.URL, "//")[1]
}

// trust makes the host believe a server's certificate.
func (p *probe) trust(t *testing.T, s *httptest.Server) {
	t.Helper()
	name := filepath.Join(p.dir, "roots.pem")
	write(t, name, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	p.env = append(p.env, "SSL_CERT_FILE="+name)
}

// giveSecret writes the file that the secret comes from.
func (p *probe) giveSecret(t *testing.T) {
	t.Helper()
	name := filepath.Join(p.dir, "token.txt")
	if err := os.WriteFile(name, []byte(confidential+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.own(t, name)
}

func TestGrantsWork(t *testing.T) {
	for name, around := range surroundings {
		t.Run(name, func(t *testing.T) {
			if around.inside != "" {
				needRunc(t)
			}
			p := newProbe(t, around.credential)
			if around.bare {
				p.without(t)
			}
			_, plain := server(t, httptest.NewServer)
			_, other := server(t, httptest.NewServer)
			secure, tls := server(t, httptest.NewTLSServer)
			p.trust(t, secure)
			p.giveSecret(t)
			ask := p.everything(plain, other, tls)
			if !around.spaces {
				ask = slices.DeleteFunc(ask, func(g manifest.Grant) bool { return g.Kind == manifest.Exec })
			}
			grants := []string{"env PROBE_TRY", "secret token", "./data/yes", "./out", plain, tls}
			if around.spaces {
				grants = append(grants, "/bin/sh")
			}
			p.configure(t, setting{ask: ask, grants: grants, inside: around.inside + withSecret})
			want := p.attempts(plain, other, tls, around.spaces)
			var lines []string
			for line := range want {
				lines = append(lines, line)
			}
			p.order(lines...)
			p.env = append(p.env, "PROBE_OTHER=taken away")
			p.judge(t, p.outcomes(t), want)
			if data, err := os.ReadFile(filepath.Join(p.dir, "out", "x")); err != nil || string(data) != "hello" {
				t.Errorf("the directory has %q, %v", data, err)
			}
			if s := p.diagnosed(t); !regexp.MustCompile("^"+around.level+"$").MatchString(s.Level) || !s.Verified {
				t.Errorf("%+v", s)
			}
		})
	}
}

// attempts are what the probe tries, and regular expressions of what comes of it.
func (p *probe) attempts(plain, other, tls string, programs bool) map[string]string {
	want := map[string]string{
		"get http://" + plain:             "^200 hello$",
		"get https://" + tls:              "^200 hello$",
		"get http://" + other:             `^! .*` + other + `" is not granted; grant needed: .*"address": "` + other + `"`,
		"get http://metadata.google:80":   "^! .*is not granted",
		"dial " + plain:                   "^! dial tcp .*(not permitted|unreachable|no such|denied)",
		"secret token":                    fmt.Sprintf("^sha256:%x$", sha256.Sum256([]byte(confidential))),
		"secret other":                    "^! .*is not granted",
		"read " + p.dir + "/data/yes":     "^granted$",
		"read " + p.dir + "/data/no":      "^! .*(no such file|denied)",
		"read /etc/passwd":                "^! .*(no such file|denied)",
		"write " + p.dir + "/out/x hello": "^hello$",
		"write " + p.dir + "/data/yes no": "^! .*(read-only|denied|not permitted)",
		"write " + p.dir + "/made no":     "^! .*(read-only|no such|denied|not permitted)",
		"env PROBE_OTHER":                 "^$",
		"own HOME":                        "^/",
		"own PROBE_TRY":                   "^$",
	}
	want["run /bin/sh -c echo"] = "^! .*(not permitted|no such|denied)"
	if programs {
		want["run /bin/sh -c echo"] = "^$"
		want["run /bin/ls"] = "^! .*(no such|denied)"
	}
	return want
}

func (p *probe) judge(t *testing.T, got, want map[string]string) {
	t.Helper()
	for line, pattern := range want {
		if outcome, ok := got[line]; !ok || !regexp.MustCompile(pattern).MatchString(outcome) {
			t.Errorf("%s: %q, and it should match %s", line, outcome, pattern)
		}
	}
}

// The report and the audit log say what was granted, given, taken and refused.
func TestGrantsAreReported(t *testing.T) {
	p := newProbe(t, nil)
	_, plain := server(t, httptest.NewServer)
	p.giveSecret(t)
	helper := filepath.Join(p.tmp, "helper")
	if err := copyProgram("/bin/true", helper); err != nil {
		t.Fatal(err)
	}
	ask := append(p.everything(plain, "127.0.0.1:9"), manifest.Grant{Kind: manifest.Exec, Path: helper})
	p.configure(t, setting{
		ask: ask, grants: []string{"env PROBE_*", "secret token", "./data/yes", "/bin/sh", helper, plain},
		inside: withSecret + "sandbox {\n  limits {\n    memory = \"256MiB\"\n    processes = 50\n  }\n}\n",
	})
	p.order("get http://127.0.0.1:9", "get http://"+plain, "dial "+plain)
	s := p.diagnosed(t)
	if s.Profile != "tools" || !s.Verified {
		t.Errorf("%+v", s)
	}
	if len(s.Skipped) != 1 || !strings.HasPrefix(s.Skipped[0], helper+": a sandbox has a /tmp of its own") {
		t.Errorf("skipped: %q", s.Skipped)
	}
	// A socket of its own is refused to a plugin with network grants, too, and no
	// further grant would help.
	if got := fmt.Sprint(s.Refused); got != "[{connection to 127.0.0.1:9 net 127.0.0.1:9 1} {socket  1}]" {
		t.Errorf("refused: %s", got)
	}
	text := p.run(t, "doctor", "-v")
	for _, want := range []string{"not given: " + helper, `refused: connection to 127.0.0.1:9, which the grant "net 127.0.0.1:9" would allow`} {
		if !strings.Contains(text.words(), want) {
			t.Errorf("%q is not in %s", want, text.stdout)
		}
	}
	checkColumns(t, text.stdout)
	p.checkRecords(t, plain, helper)
}

func (p *probe) checkRecords(t *testing.T, plain, helper string) {
	t.Helper()
	granted := p.audit(t, "grant")
	if len(granted) == 0 {
		t.Fatal("no grant is in the log")
	}
	data := granted[0].Data
	if want := []string{"env PROBE_*", "secret token", "read ./data/yes", "exec /bin/sh", "exec " + helper, "net " + plain}; !same(data.Grants, want) || data.By != "configuration" {
		t.Errorf("granted %q by %s", data.Grants, data.By)
	}
	if want := []string{"read ./data", "write ./out", "net 127.0.0.1:9"}; !same(data.Narrowed, want) {
		t.Errorf("taken away %q", data.Narrowed)
	}
	launch := p.audit(t, "launch")[0].Data
	if level, _ := sandbox.ParseLevel(launch.Level); level < sandbox.Full || !launch.Verified || launch.Profile != "tools" || launch.Limits["memory_bytes"] != 256<<20 || launch.Limits["processes"] != 50 {
		t.Errorf("launched %+v", launch)
	}
	denials := p.audit(t, "denial")
	if len(denials) < 2 || denials[0].Data.What != "connection to 127.0.0.1:9" || denials[0].Data.Grant != "net 127.0.0.1:9" || denials[1].Data.What != "socket" || denials[1].Data.Grant != "" {
		t.Errorf("denied %+v", denials)
	}
	if deaths := p.audit(t, "death"); len(deaths) == 0 || deaths[0].Data.Cause != "closed" {
		t.Errorf("ended %+v", deaths)
	}
}

// same compares two lists without their order.
func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// checkColumns wants no line over 80 columns but for a single word.
func checkColumns(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 && len(strings.Fields(line)) > 1 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// Programs can be started only where none of them can outlive the plugin.
func TestProgramsNeedSpaces(t *testing.T) {
	p := newProbe(t, nil)
	p.without(t)
	p.configure(t, setting{ask: []manifest.Grant{{Kind: manifest.Exec, Path: "/bin/sh"}}})
	o := p.run(t, "doctor", "-v")
	for _, want := range []string{"max_user_namespaces", "exec-grant /bin/sh", "programs may be started only where no descendant can outlive the plugin"} {
		if o.code != 2 || !strings.Contains(o.words(), want) {
			t.Errorf("exit code %d, and %q is not in %s%s", o.code, want, o.stdout, o.stderr)
		}
	}
	checkColumns(t, o.stdout)
}
