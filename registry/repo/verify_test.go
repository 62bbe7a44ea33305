// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// tree lists the files of a directory by their names, without locks.
func tree(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		must(t, err)
		out[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	}))
	return out
}

// superseded are the files that a newer version replaced: nobody reads them.
func superseded(name string, all map[string][]byte) bool {
	head, rest, _ := strings.Cut(strings.TrimPrefix(name, "metadata/"), ".")
	if !strings.HasPrefix(name, "metadata/") || rest == "root.json" || name == "metadata/timestamp.json" {
		return strings.HasPrefix(name, "log/tile/") && !strings.HasSuffix(name, ".p/2")
	}
	for other := range all {
		h, r, _ := strings.Cut(strings.TrimPrefix(other, "metadata/"), ".")
		if r == rest && (len(h) > len(head) || len(h) == len(head) && h > head) {
			return true
		}
	}
	return false
}

// TestVerifyNoticesEveryFile changes, cuts and removes each file of a registry in
// turn.
func TestVerifyNoticesEveryFile(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	r.publish("1.1.0")
	must(t, r.repo.Rotate(context.Background(), "root", repo.Role{}))
	r.sound(2)
	all := tree(t, r.dir)
	checked := 0
	for name, data := range all {
		if superseded(name, all) {
			continue
		}
		checked++
		path := filepath.Join(r.dir, filepath.FromSlash(name))
		for what, bad := range map[string][]byte{"a bit": flip(data), "the end": data[:len(data)-1], "all": {}, "more": append(bytes.Clone(data), "more"...), "the file": nil} {
			must(t, os.Remove(path))
			if bad != nil {
				must(t, os.WriteFile(path, bad, 0o644))
			}
			report, err := repo.Verify(context.Background(), r.store, repo.VerifyOptions{Root: r.created.Root, LogKey: r.created.LogKey, Now: r.now})
			last := name == "metadata/2.root.json" && bad == nil // that is the registry before
			if err == nil && report.Sound() && !last {
				t.Errorf("%s: nobody notices that %s is not as it was", name, what)
			}
			must(t, os.WriteFile(path, data, 0o644))
		}
	}
	if checked < 15 {
		t.Errorf("only %d files were checked of %d", checked, len(all))
	}
	r.sound(2)
}

// flip changes a bit in the middle of a file, in a letter or a digit so that JSON
// stays JSON.
func flip(data []byte) []byte {
	out := bytes.Clone(data)
	out[len(out)/2] ^= 1
	return out
}

func TestVerifyComparesWithWhatWasHandedOut(t *testing.T) {
	r, other := newRegistry(t), saltedRegistry(t, "other")
	for part, o := range map[string]repo.VerifyOptions{
		"not the first root that was given": {Root: other.created.Root, Now: start},
		"its log key is":                    {LogKey: other.created.LogKey, Now: start},
	} {
		report, err := repo.Verify(context.Background(), r.store, o)
		must(t, err)
		if report.Sound() || !strings.Contains(report.Problems[0].Reason, part) {
			t.Errorf("%+v", report.Problems)
		}
	}
	report, err := repo.Verify(context.Background(), r.store, repo.VerifyOptions{Now: start})
	if err != nil || !report.Sound() || !bytes.Equal(report.Overview.Root, r.created.Root) || report.Overview.LogKey != r.created.LogKey {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestVerifyNoticesAnotherLog puts the log of one registry into another that has
// the same releases and keys, less one.
func TestVerifyNoticesAnotherLog(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	before := tree(t, r.dir)
	r.publish("1.1.0")
	for name, data := range before {
		if strings.HasPrefix(name, "log/") {
			must(t, os.WriteFile(filepath.Join(r.dir, filepath.FromSlash(name)), data, 0o644))
		}
	}
	report := r.verify()
	if report.Sound() || !strings.Contains(report.Problems[0].Reason, "acme/scaler 1.1.0 is offered and not in the log") {
		t.Errorf("%+v", report.Problems)
	}
}

// TestWritersRefuseWhatIsNotSigned: a change to a store that somebody tampered with
// is not signed.
func TestWritersRefuseWhatIsNotSigned(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	for name, data := range tree(t, r.dir) {
		if !strings.HasSuffix(name, "timestamp.json") && !strings.HasSuffix(name, "3.snapshot.json") && !strings.HasSuffix(name, "2.targets.json") && !strings.HasSuffix(name, "1.root.json") {
			continue
		}
		path := filepath.Join(r.dir, filepath.FromSlash(name))
		must(t, os.WriteFile(path, bytes.Replace(data, []byte(`"expires":"202`), []byte(`"expires":"203`), 1), 0o644))
		err := r.repo.Refresh(context.Background())
		var bad *repo.MetadataError
		if !errors.As(err, &bad) || bad.File != name {
			t.Errorf("%s: %v", name, err)
		}
		must(t, os.WriteFile(path, data, 0o644))
	}
	r.sound(1)
}

// TestMirror copies a registry twice, the second time only what is new, and never
// one with a fault.
func TestMirror(t *testing.T) {
	ctx, state := context.Background(), t.TempDir()
	r := newRegistry(t)
	r.publish("1.0.0")
	copied := &registry{t: t, dir: t.TempDir(), created: r.created, now: r.now}
	copied.open(files.Options{})
	mirror := func() error {
		_, err := repo.Mirror(ctx, r.store, copied.store, repo.VerifyOptions{Root: r.created.Root, LogKey: r.created.LogKey, Now: r.now})
		return err
	}
	must(t, mirror())
	copied.sees(state, "1.0.0")
	copied.sound(1)
	r.publish("1.1.0")
	must(t, mirror())
	copied.sees(state, "1.0.0 1.1.0")
	copied.sound(2)

	name := filepath.Join(r.dir, "log", "lookup", "acme", "scaler", "1.0.0")
	must(t, os.WriteFile(name, []byte("1\n"), 0o644))
	r.publish("1.2.0")
	if err := mirror(); !errors.Is(err, repo.ErrUnsound) {
		t.Error(err)
	}
	copied.sees(state, "1.0.0 1.1.0")
}

// TestMirrorOfABadTarget copies a registry whose archive is not the signed one.
func TestMirrorOfABadTarget(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	for name, data := range tree(t, r.dir) {
		if strings.HasSuffix(name, "any.tar.zst") {
			must(t, os.WriteFile(filepath.Join(r.dir, filepath.FromSlash(name)), flip(data), 0o644))
		}
	}
	dst, err := files.OpenStore(t.TempDir(), files.Options{})
	must(t, err)
	_, err = repo.Mirror(context.Background(), r.store, dst, repo.VerifyOptions{Now: r.now})
	wantError(t, err, "SHA-256")
	if _, _, err := dst.Open(context.Background(), "metadata/timestamp.json", 0); !errors.Is(err, files.ErrNotExist) {
		t.Error("the copy counts:", err)
	}
}

// other puts another file in the place of one.
type other struct {
	files.Source
	name string
	data []byte
}

func (o other) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	if name == o.name {
		return io.NopCloser(bytes.NewReader(o.data)), files.Info{Size: -1}, nil
	}
	return o.Source.Open(ctx, name, offset)
}

// TestAHostileMirrorCannotAddToWhatIsSigned: metadata that somebody else made up,
// for the publisher to sign.
func TestAHostileMirrorCannotAddToWhatIsSigned(t *testing.T) {
	ctx := context.Background()
	r, evil := newRegistry(t), saltedRegistry(t, "evil")
	r.publish("1.0.0")
	evil.publish("6.6.6")
	current, err := repo.Current(ctx, evil.store, "acme")
	must(t, err)
	_, err = repo.Sign(repo.Signing{Namespace: "acme", Current: current, Keys: []*keys.Key{r.key("acme")}, Now: r.now})
	if _, ok := errors.AsType[*repo.UnknownSignerError](err); !ok {
		t.Error(err)
	}
	// What the registry signed does not help when the bytes are others.
	for name, data := range tree(t, r.dir) {
		if strings.HasSuffix(name, ".acme.json") {
			_, err := repo.Current(ctx, other{r.store, name, append(bytes.Clone(data), ' ')}, "acme")
			if err == nil {
				t.Error("other bytes are believed")
			}
		}
	}
}
