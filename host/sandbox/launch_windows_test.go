// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// The test binary is its own probe: started with probeEnv it tries what that
// says, and prints what came of it.
const probeEnv = "SANDBOX_TEST_PROBE"

func TestMain(m *testing.M) {
	if attempts := os.Getenv(probeEnv); attempts != "" {
		tryAll(attempts)
		return
	}
	os.Exit(m.Run())
}

func tryAll(attempts string) {
	out := map[string]string{}
	for attempt := range strings.SplitSeq(attempts, ",") {
		verb, argument, _ := strings.Cut(attempt, "=")
		if err := try(verb, argument); err != nil {
			out[attempt] = err.Error()
		} else {
			out[attempt] = "ok"
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

func try(verb, argument string) error {
	switch verb {
	case "write":
		return os.WriteFile(argument, []byte("x"), 0o600)
	case "read":
		_, err := os.ReadFile(argument)
		return err
	case "child":
		return exec.Command(os.Getenv("SystemRoot")+`\System32\cmd.exe`, "/c", "exit 0").Run()
	case "low":
		return verifyIntegrity(windows.GetCurrentProcessToken())
	case "sleep":
		time.Sleep(time.Minute)
	case "eat":
		var kept [][]byte
		for {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = 1
			}
			kept = append(kept, block)
			_ = kept
		}
	}
	return nil
}

// probeSpec runs the test binary as a probe.
func probeSpec(t *testing.T, attempts string) (Spec, func() []byte) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(exe.Close(), r.Close()) })
	spec := Spec{
		Exe: exe, Args: []string{"probe"}, Env: []string{probeEnv + "=" + attempts}, DirEnv: []string{"TMP", "TEMP"},
		PrivateDir: t.TempDir(), Stdout: w, Floor: Partial,
	}
	return spec, func() []byte {
		_ = w.Close()
		var out bytes.Buffer
		_, _ = out.ReadFrom(r)
		return out.Bytes()
	}
}

func TestPartial(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "file")
	spec, output := probeSpec(t, "")
	allowed := []string{"write=" + filepath.Join(spec.PrivateDir, "x"), "read=" + filepath.Join(spec.PrivateDir, "secrets", "token"), "low="}
	refused := []string{"write=" + outside, "child="}
	spec.Env = []string{probeEnv + "=" + strings.Join(append(append([]string{}, allowed...), refused...), ",")}
	spec.Secrets = []Secret{{"token", "s3cret"}}
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	var seen map[string]string
	text := output()
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatalf("%v: %q, %+v", err, text, p.Exit())
	}
	for _, attempt := range allowed {
		if seen[attempt] != "ok" {
			t.Errorf("%s: %s", attempt, seen[attempt])
		}
	}
	for _, attempt := range refused {
		if seen[attempt] == "ok" {
			t.Errorf("%s: it got through", attempt)
		}
	}
	if r := p.Report(); r.Level != Partial || !r.Verified {
		t.Errorf("report %+v", r)
	}
}

func TestKillEndsTheProgram(t *testing.T) {
	spec, _ := probeSpec(t, "sleep=")
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the program lives on")
	}
}

func TestMemoryLimit(t *testing.T) {
	spec, _ := probeSpec(t, "eat=")
	spec.Limits.DataBytes = 128 << 20
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if e := p.Exit(); e.Code == 0 || !e.OutOfMemory || e.PeakBytes > 128<<20 {
		t.Errorf("exit %+v", e)
	}
}

// The user must open a directory for writing; the host does not do so by itself.
func TestWriteGrantNeedsALabel(t *testing.T) {
	dir := t.TempDir()
	binds := []Bind{{Source: dir, Access: Write}}
	if _, err := grants(binds); err == nil || !strings.Contains(err.Error(), "icacls") {
		t.Errorf("got %v", err)
	}
	if err := labelLow(dir); err != nil {
		t.Fatal(err)
	}
	if low, err := lowLabelled(dir); err != nil || !low {
		t.Errorf("labelled %v, %v", low, err)
	}
	if _, err := grants(binds); err != nil {
		t.Error(err)
	}
}

// The limits of a job are those that were asked for.
func TestExtendedLimits(t *testing.T) {
	limits := Limits{DataBytes: Unlimited, CPUSeconds: 2}.withDefaults()
	info := extendedLimits(&limits, false)
	flags := info.BasicLimitInformation.LimitFlags
	if flags&windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY != 0 || flags&windows.JOB_OBJECT_LIMIT_JOB_MEMORY == 0 {
		t.Errorf("flags %#x", flags)
	}
	if info.BasicLimitInformation.ActiveProcessLimit != 1 || info.BasicLimitInformation.PerProcessUserTimeLimit != 20_000_000 {
		t.Errorf("limits %+v", info.BasicLimitInformation)
	}
	if none := extendedLimits(nil, true); none.BasicLimitInformation.LimitFlags&windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE == 0 {
		t.Error("a job at level none outlives its host")
	}
}
