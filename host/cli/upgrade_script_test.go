// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/repo/repotest"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

func init() {
	commands["times"], commands["count"], commands["killrun"] = cmdTimes, cmdCount, cmdKillRun
	commands["registry"], commands["publish"] = cmdRegistry, cmdPublish
	commands["tamperinstalled"], commands["forget"], commands["halfway"] = cmdTamperInstalled, cmdForget, cmdHalfway
}

// cmdRegistry makes a registry in the directory reg, trusts it for all projects,
// and sets LOGKEY. The commands that make registries have scripts of their own;
// encrypting keys takes its time.
func cmdRegistry(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "registry")
	r, err := repotest.New(context.Background(), ts.MkAbs("reg"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("root.json"), r.Root, 0o644))
	ts.Setenv("LOGKEY", r.LogKey)
	ts.Check(ts.Exec("bulkhead", "registry", "trust", "main", r.Dir, "--root", "root.json", "--log-key", r.LogKey))
}

// cmdPublish packs a version of the plugin in testdata/times without starting it,
// and publishes it: publish VERSION MODE CHANGES [READ-GRANT...]
func cmdPublish(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 3, "publish VERSION MODE CHANGES [PATH...]")
	file := ts.MkAbs("times-" + args[0] + ".tar.zst")
	cmdTimes(ts, false, append([]string{args[0], args[1], file}, args[3:]...))
	r, err := repotest.Open(ts.MkAbs("reg"))
	ts.Check(err)
	state := uint32(1)
	if args[1] == "states" {
		state = 2
	}
	ts.Check(r.Publish(context.Background(), file, repo.Details{
		Changes: args[2], Collectors: []string{"times"}, Checks: []string{"times.fine"}, Kernels: []release.Kernel{
			{Name: "centre", Compartment: "data", StateVersion: state, MinStateVersion: state}, {Name: "times", Compartment: "data"},
		},
	}))
}

// timesBuilt are the programs of testdata/times that were built, by version and
// mode.
var timesBuilt sync.Map // of string to func() (string, error)

// buildTimes builds testdata/times once for all scripts.
func buildTimes(version, mode string) (string, error) {
	build := sync.OnceValues(func() (string, error) {
		name := filepath.Join(built.dir, "times-"+version+"-"+mode)
		return name, goTool("build", "-trimpath", "-o", name, "-ldflags", "-s -w -X main.version="+version+" -X main.mode="+mode, "./host/cli/testdata/times")
	})
	once, _ := timesBuilt.LoadOrStore(version+" "+mode, build)
	return once.(func() (string, error))()
}

// cmdTimes packs the archive of a version of the plugin in testdata/times without
// starting it: times VERSION MODE ARCHIVE [READ-GRANT...]
func cmdTimes(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 3, "times VERSION MODE ARCHIVE [PATH...]")
	program, err := buildTimes(args[0], args[1])
	ts.Check(err)
	dir, err := os.MkdirTemp(ts.Getenv("WORK"), "times-")
	ts.Check(err)
	ts.Check(copyProgram(program, filepath.Join(dir, "times")))
	m := manifest.Manifest{
		Name: "times", Summary: "Multiplies numbers", Licence: "Apache-2.0", Protocols: []int{handshake.ProtocolVersion}, Grants: []manifest.Grant{},
	}
	for _, path := range args[3:] {
		m.Grants = append(m.Grants, manifest.Grant{Kind: manifest.Read, Path: path, Why: "to look at it"})
	}
	ts.Check(m.Stamp(filepath.Join(dir, "times"), args[0]))
	text, err := json.Marshal(m)
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, manifest.FileName), text, 0o644))
	out, err := os.Create(ts.MkAbs(args[2]))
	ts.Check(err)
	_, err = archive.Pack(dir, out, archive.Options{})
	ts.Check(err)
	ts.Check(out.Close())
}

// cmdCount wants a number of files that match a pattern: count N PATTERN
func cmdCount(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "count N PATTERN")
	found, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := len(found); args[0] != string(rune('0'+got)) {
		ts.Fatalf("%d files match %s: %s", got, args[1], strings.Join(found, " "))
	}
}

// cmdKillRun begins a run of a configuration that lasts, and kills the host once
// the run is noted by a probation and its kernel is at work: killrun CONFIGURATION
func cmdKillRun(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "killrun CONFIGURATION")
	cmd := exec.Command(bulkhead(), "run", "--events", args[0])
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"HOME", "PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "kernel.twice") {
			break
		}
	}
	ts.Check(cmd.Process.Kill())
	_ = cmd.Wait()
	if cmd.ProcessState.Exited() {
		ts.Fatalf("it ended before it could be killed: %v", cmd.ProcessState)
	}
}

// installedEntry is the directory in the store of a version of acme/times.
func installedEntry(ts *testscript.TestScript, version string) string {
	found, err := filepath.Glob(filepath.Join(ts.Getenv("XDG_DATA_HOME"), "bulkhead", "store", "*", manifest.FileName))
	ts.Check(err)
	for _, name := range found {
		if m, err := manifest.Load(filepath.Dir(name)); err == nil && m.Version == version && m.Name == "times" {
			return filepath.Dir(name)
		}
	}
	ts.Fatalf("no times %s in the store", version)
	return ""
}

// cmdTamperInstalled adds a byte to an installed plugin: tamperinstalled VERSION
func cmdTamperInstalled(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "tamperinstalled VERSION")
	name := filepath.Join(installedEntry(ts, args[0]), "times")
	ts.Check(os.Chmod(name, 0o755))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	ts.Check(err)
	_, err = f.Write([]byte{0})
	ts.Check(errors.Join(err, f.Close()))
}

// cmdHalfway makes a project look as if the host had died that changed its lock
// file, before it changed the configuration: halfway CONFIGURATION BEFORE
func cmdHalfway(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "halfway CONFIGURATION BEFORE")
	read := func(name string) []byte {
		text, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		return text
	}
	after, before := read(args[0]), read(args[1])
	journal, err := json.Marshal(map[string]any{
		"version": 1, "lock": fmt.Sprintf("%x", sha256.Sum256(read("bulkhead.lock.hcl"))),
		"edits": []any{map[string]any{"file": ts.MkAbs(args[0]), "before": fmt.Sprintf("%x", sha256.Sum256(before)), "after": after}},
	})
	ts.Check(err)
	scopes, err := filepath.Glob(filepath.Join(ts.Getenv("XDG_DATA_HOME"), "bulkhead", "scopes", "*", "scope.json"))
	ts.Check(err)
	if len(scopes) != 1 {
		ts.Fatalf("%d scopes", len(scopes))
	}
	ts.Check(os.WriteFile(filepath.Join(filepath.Dir(scopes[0]), "upgrade.json"), journal, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), before, 0o644))
}

// cmdForget takes a version out of the store: forget VERSION
func cmdForget(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "forget VERSION")
	ts.Check(archive.Remove(installedEntry(ts, args[0])))
}
