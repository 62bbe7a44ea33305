// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// behaviour are the tests that run in four ways: by root and by an ordinary user,
// and by the raw executor and by the shim.
const behaviour = "^(" +
	"TestNamespaced|TestGrants|TestGrantsOfProc|TestRootCannotBeEscaped|TestMagicLinksAreRefused|TestScratchIsBounded|TestInodesAreBounded|" +
	"TestNothingGrantedCanBeExecuted|TestNestedGrants|TestNestedGrantChangesNothing|TestWholeMachine|TestKindsMustAgree|TestDeviceGrant|" +
	"TestWeak|TestWallsOnly|TestFallBack|TestFallBackGoesOn|TestRequiredGrant|TestKillEndsEverything|TestDescriptorsAreClosed|TestInherited|" +
	"TestSecrets|TestAccess|TestExecGrant|TestExecGrantDies|TestSwapped|TestSwappedOptional|TestGrantByFile|TestFatalCall|TestDenialsAreCounted|" +
	"TestStrict|TestEachWallAlone|TestForeignCall|TestSignalsAreDefault|TestContextBoundsTheStart|TestNothingOutlivesTheHost|TestGroupDies)$"

// TestByTheShim repeats the behaviour with the other executor.
func TestByTheShim(t *testing.T) {
	if os.Getenv(shimVariable) != "" {
		t.Skip("this is the shim")
	}
	enough(t, behaviour, shimVariable+"=1")
}

// TestAsUser repeats it in a process without root's rights.
func TestAsUser(t *testing.T) {
	asRoot(t)
	for name, env := range map[string]string{"raw": shimVariable + "=", "shim": shimVariable + "=1"} {
		t.Run(name, func(t *testing.T) { enough(t, behaviour, "AS_USER=1", env) })
	}
}

// enough runs tests in another process and demands that they ran and passed.
func enough(t *testing.T, run string, env ...string) {
	t.Helper()
	cmd := helper(run, env...)
	if env[0] == "AS_USER=1" {
		cmd.Path = copyOfSelf(t)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, failures(string(out)))
	}
	if n := strings.Count(string(out), "\n--- PASS"); n < 25 {
		t.Fatalf("only %d tests ran:\n%s", n, out)
	}
}

// failures leaves the noise of passed tests out.
func failures(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "=== RUN") && !strings.Contains(line, "--- PASS") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// copyOfSelf is the test binary where every uid can read it.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(writeTree(t, nil), "test")
	if err := os.WriteFile(binary, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return binary
}
