// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// fakeEnv makes this test program a host that behaves badly, or well, in the way
// that it names: what no real host can be brought to.
const fakeEnv = "BULKHEAD_FAKE_HOST"

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeEnv); mode != "" {
		os.Exit(fakeHost(mode, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fake is a host of a mode. Each has a path of its own, since a path is asked
// for its version once.
func fake(t testing.TB, mode string) pipeline.Host {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bulkhead")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if err := os.Symlink(self, path); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	return pipeline.Host{Path: path, Env: append(os.Environ(), fakeEnv+"="+mode), Dir: t.TempDir()}
}

const (
	helloLine = `{"event":"hello","time":"2026-01-02T03:04:05Z","protocol":1,"schema_version":"1.2","tool":{"name":"bulkhead","version":"0.1.0"}}`
	planLine  = `{"event":"run_started","time":"2026-01-02T03:04:05Z","run_id":"0123456789abcdef","pipeline":"p","plan":{"pipeline":"p","levels":[["source.rows"],["kernel.clean"]],"nodes":[{"name":"source.rows","kind":"source"},{"name":"kernel.clean","kind":"kernel","use":"data.prepare"}]}}`
	doneLine  = `{"event":"run_ended","time":"2026-01-02T03:04:06Z","report":{"schema_version":"1.2","pipeline":"p","status":"ok","nodes":[]}}`
)

func nodeLine(name, status string) string {
	return fmt.Sprintf(`{"event":"node_ended","time":"2026-01-02T03:04:05Z","node":%q,"result":{"name":%q,"use":"x","status":%q,"reason":"because"}}`, name, name, status)
}

// fakeHost is the main function of the host that is none.
func fakeHost(mode string, args []string) int {
	if args[0] == "version" {
		return fakeVersion(mode)
	}
	say := func(lines ...string) { fmt.Println(strings.Join(lines, "\n")) }
	switch mode {
	case "good":
		say(planLine, nodeLine("source.rows", "ok"), nodeLine("kernel.clean", "ok"), `{"event":"of_the_future","time":"2026-01-02T03:04:05Z","x":1}`, doneLine)
	case "hello":
		say(helloLine, `{"event":"preflight_started","time":"2026-01-02T03:04:05Z","suite":"suite.box"}`,
			`{"event":"preflight_ended","time":"2026-01-02T03:04:05Z","suite":"suite.box","status":"ok","preflight":{"suite":"suite.box"}}`,
			planLine, nodeLine("kernel.clean", "ok"), doneLine)
	case "other-protocol":
		say(strings.Replace(helloLine, `"protocol":1`, `"protocol":2`, 1), planLine, doneLine)
		time.Sleep(time.Minute)
	case "args":
		fmt.Fprintln(os.Stderr, strings.Join(args, "\n"))
		say(doneLine)
	case "chatty":
		say(planLine)
		for i := range 5000 {
			say(fmt.Sprintf(`{"event":"progress","time":"2026-01-02T03:04:05Z","node":"kernel.clean","call":"fit","progress":{"fraction":%g,"rows":%d,"bytes":0,"eta_ms":-1}}`, float64(i)/5000, i))
		}
		say(nodeLine("kernel.clean", "ok"), doneLine)
	case "half":
		say(planLine, nodeLine("source.rows", "ok"))
		time.Sleep(time.Minute)
	case "crash":
		say(planLine, nodeLine("source.rows", "ok"))
		fmt.Fprintln(os.Stderr, "panic: runtime error")
		return 2
	case "torn":
		fmt.Print(planLine + "\n" + doneLine[:30])
	case "nonsense":
		say(planLine, "Segmentation fault")
		time.Sleep(time.Minute)
	case "endless":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
				return 1
			}
		}
	case "deaf":
		signal.Ignore(os.Interrupt)
		// A child that keeps the pipes open, as a plugin could.
		child := exec.Command(os.Args[0])
		child.Env, child.Stdout, child.Stderr = append(os.Environ(), fakeEnv+"=deaf-child"), os.Stdout, os.Stderr
		child.Args = []string{os.Args[0], "child"}
		_ = child.Start()
		say(planLine, fmt.Sprintf(`{"event":"call_started","time":"2026-01-02T03:04:05Z","node":"kernel.clean","call":"%d"}`, child.Process.Pid))
		time.Sleep(time.Minute)
	case "deaf-child":
		signal.Ignore(os.Interrupt)
		time.Sleep(time.Minute)
	case "refused":
		say(`{"event":"failed","time":"2026-01-02T03:04:05Z","failure":{"schema_version":"1.2","error":{"summary":"Wrong configuration","detail":"1 problem was found","diagnostics":[{"severity":"error","summary":"Unknown name","detail":"no source.x.","range":{"file":"b.hcl","start":{"line":3,"column":4,"byte":9}}}]},"exit_code":78}}`)
		return 78
	case "preflight":
		say(`{"event":"run_ended","time":"2026-01-02T03:04:06Z","report":{"pipeline":"p","status":"refused","error":{"summary":"The machine does not pass the preflight","detail":"Mend it."},"nodes":[]}}`)
		return 2
	case "bad-node":
		say(planLine, nodeLine("source.rows", "ok"), nodeLine("kernel.clean", "failed"),
			`{"event":"run_ended","time":"2026-01-02T03:04:06Z","report":{"pipeline":"p","status":"failed","run_id":"0123456789abcdef","error":{"summary":"A kernel failed","detail":"kernel.clean"},"nodes":[]}}`)
		return 2
	}
	return 0
}

func fakeVersion(mode string) int {
	switch mode {
	case "old":
		fmt.Println(`{"schema_version":"1.1","tool":{"name":"bulkhead","version":"0.0.9"}}`)
	case "new":
		fmt.Println(`{"schema_version":"2.0","tool":{"name":"bulkhead","version":"3.1.0"}}`)
	case "stranger":
		fmt.Println(runtime.Version())
	case "mute":
		return 1
	case "slow-version":
		time.Sleep(time.Minute)
	case "upset":
		fmt.Println(`{"schema_version":"1.2","tool":{"name":"bulkhead","version":"0.1.0"},"error":{"summary":"Wrong configuration"},"exit_code":78}`)
		return 78
	default:
		fmt.Println(`{"schema_version":"1.9","tool":{"name":"bulkhead","version":"0.7.0"},"plugins":[]}`)
	}
	return 0
}
