// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// go-plugin has weak places. Each was seen to hurt somebody, and each has a test
// that fails when a new version, or a change here, opens it again:
//
//	 1  a certificate that nobody asked for makes the host panic   TestBadHandshakes/certificate
//	 2  the host dials wherever a plugin says                      TestAddressesAreRefused
//	 3  no checksum goes with a runner of one's own                TestDigest, tamper.txtar in host/cli
//	 4  a grandchild that holds the output delays the end          TestDaemon
//	 5  a kill waits for a start                                   TestCancelDuringStart, TestSupervisorClosesDuringAStart
//	 6  plugins outlive a host that was killed                     TestNothingOutlivesTheHost, TestKilledHost in host/cli
//	 7  two seconds to finish, whatever is in hand                 TestDrain, TestDrainIsBounded
//	 8  4 MiB one way and 2 GiB the other                          TestHugeReply, TestMessageBytes
//	 9  logs forge lines and drive the terminal                    TestLogLines, TestPluginLog, TestLogBounds
//	10  the host's input and environment reach the plugin          TestInputIsEmpty, TestLaunch
//	11  a start that fails leaves its directory                    TestFailedStartsLeaveNothing
//	12  keys are made for each start                               BenchmarkStart
//	13  sockets lie where others clear up                          TestRunDirIsPerHost, TestSweep
//	14  errors are texts, and the texts change                     TestErrorsAreOurOwn
//	15  nobody restarts a plugin or tells why it died              TestSupervisorRestarts, TestCrashLoopEnds, TestCauses, TestRealCauses
//	16  the broker dials and listens at a plugin's wish            TestBrokerIsRefused, TestRunnerOpensNoAddress
//	17  net/rpc is the default                                     TestBadHandshakes/netrpc

func TestInputIsEmpty(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("the user's password\n"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	before := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = before; _ = r.Close() }()
	for _, level := range []sandbox.Level{sandbox.Namespaced, sandbox.Weak, sandbox.None} {
		p, _ := start(t, "good", func(s *Spec, _ *Options) { s.Ceiling, s.Floor = level, level })
		if got, err := call(p, "stdin:"); err != nil || got != `"", <nil>` {
			t.Errorf("%v: the plugin reads %s, %v", level, got, err)
		}
	}
}

// The host's environment stays out at every level.
func TestEnvironmentIsBuilt(t *testing.T) {
	t.Setenv("HF_TOKEN", "hf_secret")
	for _, level := range []sandbox.Level{sandbox.Namespaced, sandbox.Weak, sandbox.None} {
		p, _ := start(t, "good", func(s *Spec, _ *Options) { s.Ceiling, s.Floor = level, level })
		if env, err := call(p, "env:"); err != nil || strings.Contains(env, "hf_secret") || !strings.Contains(env, "LANG=C.UTF-8") {
			t.Errorf("%v: %q, %v", level, env, err)
		}
	}
}

func TestFailedStartsLeaveNothing(t *testing.T) {
	for kind, change := range map[string]func(*Spec){
		"exit": nil, "garbage": nil, "tcp": nil, "mute": nil,
		"silent": func(s *Spec) { s.StartTimeout = 200 * time.Millisecond },
		"good":   func(s *Spec) { s.Binds = []sandbox.Bind{{Source: "/nowhere/at/all"}} },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			spec, options, _ := fixture(t, kind)
			if change != nil {
				change(&spec)
			}
			if p, err := Launch(context.Background(), spec, options); err == nil {
				t.Fatalf("process %d started", p.PID())
			}
			pattern := filepath.Join(options.RunDir, "host-*", "plugin*")
			for deadline := time.Now().Add(bound); ; time.Sleep(5 * time.Millisecond) {
				left, err := filepath.Glob(pattern)
				if err != nil {
					t.Fatal(err)
				}
				if len(left) == 0 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("left behind: %v", left)
				}
			}
		})
	}
}

// Nothing is read out of go-plugin's texts, and none of them reaches the user:
// every failure of a start has words, and a type, of this package.
func TestErrorsAreOurOwn(t *testing.T) {
	theirs := []string{
		"incompatible API version", "incompatible core API version", "unrecognized remote plugin message",
		"plugin exited before we could connect", "timeout while waiting for plugin to start", "unsupported plugin protocol",
		"unknown address type", "error parsing server cert", "exactly one of Cmd",
	}
	for _, kind := range []string{"exit", "panic", "silent", "garbage", "long", "tcp", "version", "core", "netrpc", "certificate", "mute"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			spec, options, _ := fixture(t, kind)
			if kind == "silent" {
				spec.StartTimeout = 300 * time.Millisecond
			}
			_, err := Launch(context.Background(), spec, options)
			if err == nil {
				t.Fatal("started")
			}
			for _, text := range theirs {
				if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(text)) {
					t.Errorf("go-plugin speaks: %v", err)
				}
			}
		})
	}
}

// A plugin gets no address of the host, and names one of its own once.
func TestRunnerOpensNoAddress(t *testing.T) {
	p, _ := start(t, "good", nil)
	if network, address, err := p.runner.HostToPlugin("unix", "/tmp/x"); err == nil {
		t.Errorf("the host opened %s %s", network, address)
	}
	if network, address, err := p.runner.PluginToHost("unix", "/tmp/x"); err == nil {
		t.Errorf("a second address was taken: %s %s", network, address)
	}
}

// The table above names tests that exist.
func TestDefectsHaveTests(t *testing.T) {
	text, err := os.ReadFile("defects_linux_test.go")
	if err != nil {
		t.Skip("no source here: ", err)
	}
	sources := map[string]string{"": allTests(t, "."), "host/cli": allTests(t, "../cli")}
	rows := regexp.MustCompile(`(?m)^//\t *(\d+)  .*$`).FindAllString(string(text), -1)
	if len(rows) != 17 {
		t.Errorf("%d rows, want 17", len(rows))
	}
	for _, row := range rows {
		names := regexp.MustCompile(`(Test|Benchmark)\w+|\w+\.txtar|in host/cli`).FindAllString(row, -1)
		if len(names) == 0 {
			t.Errorf("no test: %s", row)
		}
		for i, name := range names {
			where := ""
			if i+1 < len(names) && names[i+1] == "in host/cli" {
				where = "host/cli"
			}
			if name != "in host/cli" && !strings.Contains(sources[where], "func "+name+"(") && !strings.HasSuffix(name, ".txtar") {
				t.Errorf("%s is named, but not there: %s", name, row)
			}
		}
	}
}

func allTests(t *testing.T, dir string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
