// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

// clientVariable makes the test binary the client.
const clientVariable = "BULKHEAD_TEST_TUFCLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(clientVariable) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stderr))
	}
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// suite drives the client as the conformance suite does: a process for each
// command, a web server, and the directories to look into.
type suite struct {
	*tuftest.Repo
	t                 *testing.T
	url               string
	metadata, targets string
	fakeTime          string
	root, stderr      string
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	r := tuftest.New(t)
	server := httptest.NewServer(r.Files)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	s := &suite{Repo: r, t: t, url: server.URL, metadata: filepath.Join(dir, "metadata"), targets: filepath.Join(dir, "targets"), root: filepath.Join(dir, "initial_root.json")}
	must(t, os.Mkdir(s.metadata, 0o700))
	must(t, os.Mkdir(s.targets, 0o700))
	return s
}

// begun has called init with the first root.
func begun(t *testing.T) *suite {
	s := newSuite(t)
	s.want(0, s.init(s.Get("metadata/1.root.json")))
	return s
}

func (s *suite) run(args ...string) int {
	s.t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"--metadata-dir", s.metadata}, args...)...)
	cmd.Env = append(os.Environ(), clientVariable+"=1", "FAKETIME="+s.fakeTime)
	out, err := cmd.CombinedOutput()
	s.stderr = string(out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func (s *suite) init(root []byte) int {
	must(s.t, os.WriteFile(s.root, root, 0o600))
	return s.run("init", s.root)
}

func (s *suite) refresh() int { return s.run("--metadata-url", s.url+"/metadata/", "refresh") }

func (s *suite) download(name string) int {
	return s.run("--metadata-url", s.url+"/metadata/", "--target-name", name, "--target-dir", s.targets, "--target-base-url", s.url+"/targets/", "download")
}

func (s *suite) want(code, got int) {
	s.t.Helper()
	if got != code {
		s.t.Fatalf("exit code %d, want %d: %s", got, code, s.stderr)
	}
}

// asked are the metadata that the client asked for since the last call.
func (s *suite) asked() []string {
	var names []string
	for _, r := range s.Requests() {
		if name, ok := strings.CutPrefix(r, "metadata/"); ok {
			names = append(names, strings.TrimSuffix(name, ".json"))
		}
	}
	return names
}

func (s *suite) wantAsked(want ...string) {
	s.t.Helper()
	if got := s.asked(); !slices.Equal(got, want) {
		s.t.Errorf("it asked for %q, want %q", got, want)
	}
}

// trusted are the roles in the client's directory.
func (s *suite) trusted() map[string]int64 {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.metadata, "*.json"))
	must(s.t, err)
	versions := map[string]int64{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		must(s.t, err)
		versions[strings.TrimSuffix(filepath.Base(f), ".json")] = version(s.t, data)
	}
	return versions
}

func version(t *testing.T, data []byte) int64 {
	t.Helper()
	if m, err := metadata.Root().FromBytes(data); err == nil {
		return m.Signed.Version
	}
	if m, err := metadata.Timestamp().FromBytes(data); err == nil {
		return m.Signed.Version
	}
	if m, err := metadata.Snapshot().FromBytes(data); err == nil {
		return m.Signed.Version
	}
	m, err := metadata.Targets().FromBytes(data)
	must(t, err)
	return m.Signed.Version
}

func (s *suite) wantTrusted(root, timestamp, snapshot, targets int64) {
	s.t.Helper()
	want := map[string]int64{"root": root, "timestamp": timestamp, "snapshot": snapshot, "targets": targets}
	maps.DeleteFunc(want, func(_ string, v int64) bool { return v == 0 })
	got := s.trusted()
	maps.DeleteFunc(got, func(role string, _ int64) bool {
		return want[role] == 0 && !slices.Contains([]string{"root", "timestamp", "snapshot", "targets"}, role)
	})
	if !maps.Equal(got, want) {
		s.t.Errorf("trusted %v, want %v; %s", got, want, s.stderr)
	}
}

// artifacts are the contents of the downloaded files.
func (s *suite) artifacts() []string {
	s.t.Helper()
	entries, err := os.ReadDir(s.targets)
	must(s.t, err)
	var all []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(s.targets, e.Name()))
		must(s.t, err)
		all = append(all, string(data))
	}
	slices.Sort(all)
	return all
}

func (s *suite) wantArtifacts(want ...string) {
	s.t.Helper()
	slices.Sort(want)
	if got := s.artifacts(); !slices.Equal(got, want) {
		s.t.Errorf("downloaded %q, want %q", got, want)
	}
}

func days(n int) time.Time { return time.Now().UTC().AddDate(0, 0, n).Truncate(time.Second) }
