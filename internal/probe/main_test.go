// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	"github.com/bulkhead-ml/bulkhead/sdk/secret"
)

func TestContract(t *testing.T) { plugintest.Test(t, plugintest.InProcess(info, services...)) }

// What the probe tells of a try is what really happened.
func TestTry(t *testing.T) {
	root := t.TempDir()
	t.Setenv(secret.EnvDir, root)
	if err := os.WriteFile(filepath.Join(root, "token"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := &fact.Target{Root: root, Env: map[string]string{"A": "1"}}
	for line, want := range map[string]string{
		"secret token":     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"secret other":     "! not granted",
		"leak other":       "! not granted",
		"fail other":       "! not granted",
		"leak token":       "logged",
		"get http://a.co":  "! no network",
		"dial 127.0.0.1:0": "! dial tcp",
		"run":              "! no program",
		"run /absent":      "! /absent",
		"read /token":      "abc",
		"read /absent":     "! absent",
		"write /x a b":     "a b",
		"env A":            "1",
		"own A":            "",
		"allocate 2":       "2 MiB",
		"log 2000":         "logged",
		"threads 2":        "2 threads",
		"spin 1ms":         "spun",
		"sleep 1ms":        "slept",
		"sleep long":       "! duration",
		"threads many":     "! invalid",
		"fly 1":            "! unknown verb",
	} {
		got, err := try(context.Background(), target, line)
		if wrong, bad := strings.CutPrefix(want, "! "); bad {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %q, %v, want an error with %q", line, got, err, wrong)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestOutcomesAreFacts(t *testing.T) {
	target := &fact.Target{Env: map[string]string{order: "own HOME_OF_NOBODY\n\nread /absent/file\n"}, Root: t.TempDir()}
	facts, diags := fact.Observe(context.Background(), target, collector)
	if len(facts) != 2 || len(diags) > 0 || string(facts[0].Value) != `""` || facts[1].Unknown == "" {
		t.Errorf("%+v, %v", facts, diags)
	}
}
