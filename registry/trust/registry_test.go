// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// registry is a registry with two publishers, acme and initech.
type registry struct {
	*tuftest.Repo
	t      testing.TB
	log    *translog.Log
	signer note.Signer
	key    note.Verifier
	logKey string
	root   []byte
}

func newRegistry(t testing.TB) *registry {
	t.Helper()
	g := &registry{Repo: tuftest.New(t), t: t}
	g.Hashes = true
	g.root = g.Get("metadata/1.root.json")
	signer, key, text := logKey(t)
	g.signer, g.key, g.logKey = signer, key, text
	log, err := translog.Create(t.Context(), g.Files, signer, key)
	must(t, err)
	g.log = log
	for _, ns := range []string{"acme", "initech"} {
		g.Delegate(ns, release.RolePattern(ns))
	}
	g.Publish("acme", "initech", "targets")
	return g
}

func logKey(t testing.TB) (note.Signer, note.Verifier, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "registry.example/log")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	key, err := note.NewVerifier(vkey)
	must(t, err)
	return signer, key, vkey
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func archive(id, version, platform string) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "archive of %s %s for %s\n", id, version, platform), 50)
}

// made is a release for two platforms.
func made(id, version string) *release.Release {
	r := &release.Release{
		ID: id, Version: version, Summary: "scales columns", Licence: "Apache-2.0", Protocols: []int{1},
		Platforms: map[string]release.Platform{}, Published: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	for _, p := range []string{"linux_amd64", "darwin_arm64"} {
		data := archive(id, version, p)
		sum := sha256.Sum256(data)
		r.Platforms[p] = release.Platform{
			H1: "h1:" + base64.StdEncoding.EncodeToString(sum[:]), Executable: digest(data[1:]), Archive: digest(data),
			Bytes: int64(len(data)), Unpacked: 1000,
		}
	}
	return r
}

// sign puts a release into its publisher's role, without publishing.
func (g *registry) sign(r *release.Release, yanked *release.Yanked) {
	g.t.Helper()
	id, err := release.ParseID(r.ID)
	must(g.t, err)
	g.signIn(id.Namespace, id, r, yanked)
}

func (g *registry) signIn(role string, id release.ID, r *release.Release, yanked *release.Yanked) {
	g.t.Helper()
	for p := range r.Platforms {
		g.AddTarget(role, release.ArchivePath(id, r.Version, p), archive(r.ID, r.Version, p))
	}
	g.document(role, id, r, yanked)
}

// document adds the target that describes a release.
func (g *registry) document(role string, id release.ID, r *release.Release, yanked *release.Yanked) {
	g.t.Helper()
	data, err := r.Encode()
	must(g.t, err)
	custom := map[string]any{"release": json.RawMessage(data)}
	if yanked != nil {
		custom["yanked"] = yanked
	}
	raw, err := json.Marshal(custom)
	must(g.t, err)
	g.AddTarget(role, release.TargetPath(id, r.Version), data).Custom = (*json.RawMessage)(&raw)
}

func (g *registry) record(rels ...*release.Release) {
	g.t.Helper()
	var records [][]byte
	for _, r := range rels {
		record, err := translog.Record(r)
		must(g.t, err)
		records = append(records, record)
	}
	_, err := g.log.Append(g.t.Context(), records...)
	must(g.t, err)
}

// publish does what an honest registry does.
func (g *registry) publish(ids ...string) {
	g.t.Helper()
	roles := map[string]bool{}
	for _, text := range ids {
		id, version, _ := strings.Cut(text, "@")
		r := made(id, version)
		g.record(r)
		g.sign(r, nil)
		ns, _, _ := strings.Cut(id, "/")
		roles[ns] = true
	}
	for ns := range roles {
		g.Publish(ns)
	}
}

func (g *registry) options(src files.Source, state string) trust.Options {
	return trust.Options{Name: "default", Source: src, Root: g.root, LogKey: g.logKey, StateDir: state}
}

func (g *registry) client(src files.Source, state string) *trust.Client {
	g.t.Helper()
	c, err := trust.Open(g.options(src, state))
	must(g.t, err)
	return c
}

// fetch refreshes and fetches a release, as an installer does.
func fetch(t testing.TB, c *trust.Client, id, version string) (*trust.Fetched, error) {
	t.Helper()
	if _, err := c.Refresh(t.Context()); err != nil {
		return nil, err
	}
	return fetchNow(t, c, id, version)
}

func fetchNow(t testing.TB, c *trust.Client, id, version string) (*trust.Fetched, error) {
	t.Helper()
	parsed, err := release.ParseID(id)
	must(t, err)
	known, err := c.Releases(t.Context(), parsed)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		if k.Version == version {
			return c.Fetch(t.Context(), k, "linux_amd64", t.TempDir())
		}
	}
	return nil, fmt.Errorf("no %s %s", id, version)
}

func refused(t testing.TB, err error, threat trust.Threat, want string) {
	t.Helper()
	var e *trust.RefusedError
	if !errors.As(err, &e) || e.Threat != threat || e.Remedy == "" || e.Registry != "default" || !strings.Contains(e.Reason, want) {
		t.Errorf("want a refusal for %s with %q: %v", threat, want, err)
	}
}
