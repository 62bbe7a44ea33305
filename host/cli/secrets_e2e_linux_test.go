// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/base64"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A secret is in the one file that the plugin reads, and nowhere else: not in what
// the host says, writes or starts, even if the plugin logs it or dies with it.

// forms are how the secret may be written.
var forms = []string{
	confidential, url.QueryEscape(confidential), url.PathEscape(confidential),
	base64.StdEncoding.EncodeToString([]byte("user:" + confidential)), base64.StdEncoding.EncodeToString([]byte(confidential)),
}

// shown is the form of the secret that a text has, "" for none.
func shown(text string) string {
	for _, form := range forms {
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

func TestSecretsAreNowhere(t *testing.T) {
	for name, order := range map[string][]string{
		"logged": {"secret token", "leak token", "sleep 700ms"},
		"panic":  {"leak token", "sleep 700ms", "fail token"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(t, nil)
			p.giveSecret(t)
			p.configure(t, setting{ask: p.everything(), inside: withSecret})
			p.order(order...)
			done := make(chan map[string]bool)
			stop := make(chan struct{})
			go func() { done <- lookAtProcesses(stop) }()
			o := p.run(t, "doctor", "-v", "--facts", "--debug", "--log-file", filepath.Join(p.home, "log"))
			close(stop)
			for place := range <-done {
				t.Errorf("the secret is in %s", place)
			}
			if form := shown(o.stdout + o.stderr); form != "" {
				t.Errorf("the output has %s: %s%s", form, o.stdout, o.stderr)
			}
			log, err := os.ReadFile(filepath.Join(p.home, "log"))
			if err != nil || strings.Count(string(log), "[secret token]") < 4 {
				t.Errorf("the log has not what was to be struck out: %v\n%s", err, log)
			}
			for _, dir := range []string{p.home, p.tmp} {
				checkFiles(t, dir)
			}
			if form := shown(p.run(t, "audit", "list", "-v", "--limit", "0").stdout); form != "" {
				t.Errorf("the audit log has %s", form)
			}
		})
	}
}

// lookAtProcesses searches environments and arguments until it is stopped.
func lookAtProcesses(stop <-chan struct{}) map[string]bool {
	found := map[string]bool{}
	for {
		select {
		case <-stop:
			return found
		case <-time.After(50 * time.Millisecond):
		}
		for _, part := range []string{"environ", "cmdline"} {
			names, _ := filepath.Glob("/proc/[0-9]*/" + part)
			for _, name := range names {
				if data, err := os.ReadFile(name); err == nil && shown(string(data)) != "" {
					found[name] = true
				}
			}
		}
	}
}

// checkFiles wants the secret in no file below a directory.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if form := shown(string(data)); form != "" {
			t.Errorf("%s has %s", name, form)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A secret that was granted and has no value looks to the plugin like one that was
// not. The report knows better.
func TestSecretWithoutValue(t *testing.T) {
	p := newProbe(t, nil)
	p.configure(t, setting{ask: p.everything(), grants: []string{"env PROBE_*", "secret token"}})
	p.order("secret token")
	want := "secret token: no value: write secret \"token\" { env = \"NAME\" } in its plugin block"
	if s := p.diagnosed(t); len(s.Skipped) != 1 || s.Skipped[0] != want {
		t.Errorf("%q", s.Skipped)
	}
	p.configure(t, setting{ask: p.everything(), inside: "secret \"token\" {\n  env = \"ABSENT\"\n}\n"})
	if o := p.run(t, "doctor", "-v"); o.code != 2 || !strings.Contains(o.words(), "the variable ABSENT is not set; set it before the start") {
		t.Errorf("exit code %d, %s", o.code, o.stdout)
	}
}
