// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// One entry to the byte, as the kernel's description of the format has it.
func TestArchiveBytes(t *testing.T) {
	var b bytes.Buffer
	a := archive{w: &b}
	a.file("init", 0o755, []byte("hello"))
	const want = "070701" + "00000001" + "000081ed" + "00000000" + "00000000" + "00000001" + "00000000" +
		"00000005" + "00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" +
		"init\x00\x00" + "hello\x00\x00\x00"
	if got := b.String(); got != want {
		t.Errorf("\n%q, want\n%q", got, want)
	}
	if err := a.close(); err != nil || !strings.Contains(b.String(), "TRAILER!!!\x00") || b.Len()%4 != 0 {
		t.Errorf("%v; %d bytes", err, b.Len())
	}
}

// Another program reads the archive, where there is one.
func TestArchiveWithCpio(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}
	var b bytes.Buffer
	a := archive{w: &b}
	a.dir("d")
	a.file("d/odd", 0o600, []byte("x"))
	a.file("empty", 0o644, nil)
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	list := exec.Command(cpio, "-t", "--quiet")
	list.Stdin = &b
	out, err := list.CombinedOutput()
	if err != nil || string(out) != "d\nd/odd\nempty\n" {
		t.Errorf("cpio says %q, %v", out, err)
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestArchiveError(t *testing.T) {
	a := archive{w: full{}}
	a.dir("d")
	a.file("f", 0o644, []byte("x"))
	if err := a.close(); !errors.Is(err, errFull) {
		t.Errorf("close: %v", err)
	}
}
