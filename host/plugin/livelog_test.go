// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"context"
	"strings"
	"testing"
	"time"
)

// eventually waits until the log holds a text.
func eventually(t *testing.T, log *logBuffer, text string) {
	t.Helper()
	for deadline := time.Now().Add(bound); !strings.Contains(log.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log lacks %q:\n%.2000s", text, log)
		}
	}
}

// Both ways of writing to standard error arrive, attributed and harmless.
func TestPluginLog(t *testing.T) {
	p, log := start(t, "good", nil)
	for _, command := range []string{"stderr:[WARN] by the stream", "raw:[INFO] by the pipe \x1b[2J"} {
		if _, err := call(p, command); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, log, "host.plugin.gpu: by the stream")
	eventually(t, log, `host.plugin.gpu: by the pipe \x1b[2J`)
	if strings.Contains(log.String(), "\x1b") {
		t.Errorf("an escape reached the log: %q", log)
	}
}

// A plugin that floods its log neither stops nor fills the host's.
func TestLogFlood(t *testing.T) {
	defer timed(t, bound)()
	p, log := start(t, "good", nil)
	if _, err := call(p, "flood"); err != nil {
		t.Fatal(err)
	}
	_ = p.Close(context.Background())
	eventually(t, log, "bytes of log dropped")
	if n := len(log.String()); n > 2*DefaultLogBytes {
		t.Errorf("%d bytes were logged", n)
	}
}

// Output after the handshake goes nowhere and blocks nobody.
func TestRawOutputIsDiscarded(t *testing.T) {
	defer timed(t, bound)()
	p, _ := start(t, "good", nil)
	if _, err := call(p, "stdout"); err != nil {
		t.Fatal(err)
	}
	if got, err := call(p, "echo:x"); err != nil || got != "x" {
		t.Fatalf("%q, %v", got, err)
	}
}
