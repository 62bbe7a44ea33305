// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// probe is a directory with internal/probe, its manifest and a configuration, and
// a user's place to run the host in.
type probe struct {
	dir, home, tmp string
	host           string              // the program
	wrap           []string            // what starts it
	env            []string            // beside the usual
	credential     *syscall.Credential // nil for this user
}

// setting is what a test says about the probe in its configuration.
type setting struct {
	ask    []manifest.Grant // of the manifest
	grants []string         // narrowed to these; nil for all
	inside string           // more of the plugin's block
	rest   string           // more of the configuration
}

// newProbe puts the plugin outside of /tmp, where every sandbox has a directory
// of its own.
func newProbe(t *testing.T, credential *syscall.Credential) *probe {
	t.Helper()
	if credential != nil && os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	build(t)
	p := &probe{credential: credential, host: bulkhead(), dir: temporary(t, "/var/tmp", "bulkhead-e2e-"), tmp: temporary(t, "", "bh")}
	if credential != nil {
		p.host = readable(t)
	}
	p.home = filepath.Join(p.dir, "home")
	for _, dir := range []string{p.home, filepath.Join(p.dir, "data"), filepath.Join(p.dir, "out"), filepath.Join(p.dir, "probe")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyProgram(extra("probe"), filepath.Join(p.dir, "probe", "probe")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "data", "yes"), "granted")
	write(t, filepath.Join(p.dir, "data", "no"), "not granted")
	write(t, filepath.Join(p.dir, "rows.csv"), "a,b\n1,2\n")
	p.own(t, p.home, p.tmp, filepath.Join(p.dir, "out"))
	return p
}

// temporary is a directory that everybody may read.
func temporary(t *testing.T, base, pattern string) string {
	t.Helper()
	dir, err := os.MkdirTemp(base, pattern)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// own gives files to the user of the probe.
func (p *probe) own(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if p.credential == nil {
			return
		}
		if err := os.Chown(name, int(p.credential.Uid), int(p.credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// everything is a manifest that asks for what most tests use.
func (p *probe) everything(net ...string) []manifest.Grant {
	ask := []manifest.Grant{
		{Kind: manifest.Env, Name: "PROBE_*"}, {Kind: manifest.Secret, Name: "token"}, {Kind: manifest.Read, Path: "./data"},
		{Kind: manifest.Write, Path: "./out"}, {Kind: manifest.Exec, Path: "/bin/sh"},
	}
	for _, address := range net {
		ask = append(ask, manifest.Grant{Kind: manifest.Net, Address: address})
	}
	return ask
}

// configure writes the manifest and bulkhead.hcl.
func (p *probe) configure(t *testing.T, s setting) {
	t.Helper()
	for i := range s.ask {
		s.ask[i].Why = "a test"
	}
	m, err := json.Marshal(manifest.Manifest{
		Name: "probe", Version: "0.1.0", Summary: "tries", Licence: "Apache-2.0", Protocols: []int{1}, Executable: "probe", Grants: s.ask,
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "probe", "manifest.json"), string(m))
	grants := ""
	if s.grants != nil {
		grants = "grants = [\"" + strings.Join(s.grants, `", "`) + "\"]"
	}
	write(t, filepath.Join(p.dir, "bulkhead.hcl"), fmt.Sprintf("plugin \"probe\" {\n  source = \"./probe/probe\"\n  %s\n%s\n}\n%s", grants, s.inside, s.rest))
}

// order is what the collector will try.
func (p *probe) order(lines ...string) { p.env = append(p.env, "PROBE_TRY="+strings.Join(lines, "\n")) }

// command is the host with arguments, and nothing of this user's.
func (p *probe) command(args ...string) *exec.Cmd {
	all := append(append([]string{}, p.wrap...), append([]string{p.host}, args...)...)
	cmd := exec.Command(all[0], all[1:]...)
	cmd.Dir, cmd.Env = p.dir, append([]string{"HOME=" + p.home, "TMPDIR=" + p.tmp, "PATH=" + os.Getenv("PATH")}, p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.credential}
	return cmd
}

// run runs the host to its end.
func (p *probe) run(t *testing.T, args ...string) (o outcome) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := p.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	o.code, o.stdout, o.stderr = cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
	return o
}

// ask is run with --json, and its document.
func (p *probe) ask(t *testing.T, into any, args ...string) outcome {
	t.Helper()
	o := p.run(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(o.stdout), into); err != nil {
		t.Fatalf("%v\n%s%s", err, o.stdout, o.stderr)
	}
	return o
}

// outcomes are the facts of the probe by attempt; what failed begins with "!".
func (p *probe) outcomes(t *testing.T) map[string]string {
	t.Helper()
	var document struct {
		Facts []struct {
			Address, Unknown string
			Value            any
		}
	}
	o := p.ask(t, &document, "facts")
	found := map[string]string{}
	for _, f := range document.Facts {
		line, ok := strings.CutPrefix(f.Address, "probe.try[")
		if !ok {
			continue
		}
		line = strings.NewReplacer("%5D", "]", "%25", "%").Replace(strings.TrimSuffix(line, "].outcome"))
		if found[line] = fmt.Sprint(f.Value); f.Unknown != "" {
			found[line] = "! " + f.Unknown
		}
	}
	if len(found) == 0 {
		t.Fatalf("the probe tells nothing: %s%s", o.stdout, o.stderr)
	}
	return found
}

// sandboxed is what a report says of the probe.
type sandboxed struct {
	Level, Profile string
	Verified       bool
	Skipped        []string
	Refused        []struct {
		What, Grant string
		Count       int
	}
}

// diagnosed runs the doctor and returns what it says of the probe.
func (p *probe) diagnosed(t *testing.T, args ...string) sandboxed {
	t.Helper()
	var document struct {
		Plugins []struct {
			Name    string
			Sandbox sandboxed
		}
	}
	o := p.ask(t, &document, append([]string{"doctor"}, args...)...)
	checkDocument(t, o.stdout, "doctor")
	for _, found := range document.Plugins {
		if found.Name == "probe" {
			return found.Sandbox
		}
	}
	t.Fatalf("the probe is not in the report: %s%s", o.stdout, o.stderr)
	return sandboxed{}
}

// record is a record of the audit log, with the data of all kinds.
type record struct {
	Kind, Plugin string
	Data         struct {
		Grants, Narrowed, Walls []string
		By, Level, Profile      string
		Verified                bool
		Limits                  map[string]uint64
		What, Grant             string
		Count                   int
		Cause, Detail, Signal   string
	}
}

// audit are the records of a kind about the probe.
func (p *probe) audit(t *testing.T, kind string) []record {
	t.Helper()
	var document struct{ Records []record }
	p.ask(t, &document, "audit", "list", "--plugin", "probe", "--kind", kind, "--limit", "0")
	if o := p.run(t, "audit", "verify"); o.code != 0 {
		t.Errorf("the audit log: %s", o.words())
	}
	return document.Records
}
