// SPDX-License-Identifier: Apache-2.0

package dockertest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const containerPrefix = "bulkhead-test-"

// File is one entry of an image.
type File struct {
	Name string // without the leading slash; one that ends with it is a directory
	Mode int64  // permissions, such as 0o1777
	UID  int    // owner, and group of the same number
	Text []byte
}

// Import makes an image of files and returns its name. It is removed with the
// end of the test. [Engine] comes first.
func Import(t *testing.T, files ...File) string {
	t.Helper()
	needDocker(t)
	var archive bytes.Buffer
	if err := pack(&archive, files); err != nil {
		t.Fatal(err)
	}
	name := "bulkhead-test:" + strings.ToLower(rand.Text())
	cmd := exec.CommandContext(t.Context(), "docker", "import", "-", name)
	cmd.Stdin = &archive
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "--force", name).Run() })
	return name
}

func needDocker(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("the docker command is not installed")
	}
}

// pack writes a tar archive.
func pack(w io.Writer, files []File) error {
	archive := tar.NewWriter(w)
	var errs []error
	for _, f := range files {
		header := &tar.Header{Name: f.Name, Mode: f.Mode, Uid: f.UID, Gid: f.UID, Size: int64(len(f.Text)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.Name, "/") {
			header.Typeflag = tar.TypeDir
		}
		errs = append(errs, archive.WriteHeader(header))
		_, err := archive.Write(f.Text)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, archive.Close())...)
}

// Run runs a container to its end, without any network, and returns what it
// printed. The options are those of docker run; the command is a program of the
// image with its arguments. A container that takes longer than the time, or
// fails, fails the test.
func Run(t *testing.T, limit time.Duration, image string, options []string, command ...string) (stdout string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	name := containerPrefix + strings.ToLower(rand.Text())
	// The end of the command is not that of its container.
	defer func() { _ = exec.Command("docker", "rm", "--force", name).Run() }()
	args := append([]string{"run", "--rm", "--name", name, "--network", "none"}, options...)
	cmd := exec.CommandContext(ctx, "docker", append(append(args, image), command...)...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s\n%s", strings.Join(args, " "), err, words.String(), out.String())
	}
	return out.String()
}
