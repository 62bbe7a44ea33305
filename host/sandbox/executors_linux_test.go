// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"os"
	"os/exec"
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
		asUser(t, cmd)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, failures(string(out)))
	}
	if n := strings.Count(string(out), "\n--- PASS"); n < 25 {
		t.Fatalf("only %d tests ran:\n%s", n, out)
	}
}

// asUser has a helper run as an ordinary user, who may not be able to write where
// root's temporary files are.
func asUser(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	const user = 65533
	temp, err := os.MkdirTemp("/tmp", "sandbox-user")
	if err == nil {
		err = os.Chown(temp, user, user)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	cmd.Path, cmd.Dir, cmd.Env = copyOfSelf(t), "/", append(cmd.Env, "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
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
	if err := errors.Join(os.WriteFile(binary, text, 0o755), os.Chmod(binary, 0o755)); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return binary
}
