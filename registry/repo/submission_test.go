// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// TestSubmissionFiles writes a submission in both ways and publishes what was read
// again.
func TestSubmissionFiles(t *testing.T) {
	for _, name := range []string{"submission", "submission.tar"} {
		r := newRegistry(t)
		sub := r.sign("1.0.0", "1.1.0")
		path := filepath.Join(t.TempDir(), name)
		must(t, sub.Save(path))
		wantError(t, sub.Save(path), fs.ErrExist.Error())
		if entries, err := os.ReadDir(filepath.Dir(path)); len(entries) != 1 || err != nil {
			t.Error(entries, err)
		}
		if !repo.IsSubmission(path) {
			t.Errorf("%s is no submission", path)
		}
		got, err := repo.ReadSubmission(path)
		must(t, err)
		if !bytes.Equal(got.Metadata, sub.Metadata) || got.Namespace != "acme" || len(got.Archives) != 2 {
			t.Errorf("%+v", got)
		}
		if _, err := r.online().Publish(context.Background(), got); err != nil {
			t.Error(err)
		}
		must(t, got.Close())
		for _, file := range got.Archives {
			if _, err := os.Stat(file); (err == nil) != (name == "submission") {
				t.Errorf("%s after Close: %v", file, err)
			}
		}
		r.sound(2)
	}
}

func TestWrongSubmissions(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "a.tar.zst"} {
		if repo.IsSubmission(filepath.Join(dir, name)) || repo.IsSubmission(dir) {
			t.Error(name)
		}
	}
	head := `{"bulkhead_submission":1,"namespace":"acme"}`
	for part, files := range map[string]map[string]string{
		"which `bulkhead plugin sign` makes":      {"metadata.json": "{}"},
		"no submission of version 1":              {"submission.json": `{"bulkhead_submission":2,"namespace":"acme"}`},
		"reserved":                                {"submission.json": `{"bulkhead_submission":1,"namespace":"root"}`},
		"metadata.json":                           {"submission.json": head},
		"extra does not belong into a submission": {"submission.json": head, "metadata.json": "{}", "extra": ""},
	} {
		dir := t.TempDir()
		for name, content := range files {
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		}
		_, err := repo.ReadSubmission(dir)
		wantError(t, err, part)
	}
	_, err := repo.ReadSubmission(filepath.Join(dir, "none"))
	wantError(t, err, "no such file")
}

// TestTarSaysWhatIsWrong: of a tar file the user gets to know that file, and not
// the place where it was unpacked for a moment.
func TestTarSaysWhatIsWrong(t *testing.T) {
	for want, names := range map[string][]string{
		`"submission.json" is in it twice`: {"submission.json", "submission.json"},
		"it has no submission.json":        nil,
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, name := range names {
			must(t, w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}))
		}
		must(t, w.Close())
		name := filepath.Join(t.TempDir(), "s.tar")
		must(t, os.WriteFile(name, b.Bytes(), 0o644))
		_, err := repo.ReadSubmission(name)
		wantError(t, err, want)
		wantError(t, err, name+" is no submission")
	}
}

// TestHostileTar reads tar files that a publisher should not have made.
func TestHostileTar(t *testing.T) {
	for what, h := range map[string]tar.Header{
		"traversal": {Name: "../submission.json", Typeflag: tar.TypeReg},
		"absolute":  {Name: "/submission.json", Typeflag: tar.TypeReg},
		"link":      {Name: "metadata.json", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
		"hard link": {Name: "metadata.json", Linkname: "submission.json", Typeflag: tar.TypeLink},
		"directory": {Name: "plugins/", Typeflag: tar.TypeDir},
		"stranger":  {Name: "plugins/acme/scaler/1.0.0/release.json", Typeflag: tar.TypeReg},
		"huge":      {Name: "metadata.json", Typeflag: tar.TypeReg, Size: 1 << 40},
	} {
		var b bytes.Buffer
		must(t, tar.NewWriter(&b).WriteHeader(&h))
		b.Write(make([]byte, 2048))
		name := filepath.Join(t.TempDir(), "s.tar")
		must(t, os.WriteFile(name, b.Bytes(), 0o644))
		_, err := repo.ReadSubmission(name)
		if err == nil {
			t.Errorf("%s: it is read", what)
		}
		wantError(t, err, "is no submission")
	}
}

// native is the beginning of a program for a platform.
func native(platform string) string {
	head := make([]byte, 256)
	switch platform {
	case "linux_amd64", "linux_arm64":
		copy(head, "\x7fELF\x02\x01\x01")
		machine := map[string]uint16{"linux_amd64": 62, "linux_arm64": 183}[platform]
		binary.LittleEndian.PutUint16(head[18:], machine)
	case "darwin_arm64":
		binary.LittleEndian.PutUint32(head, 0xfeedfacf)
		binary.LittleEndian.PutUint32(head[4:], 0x0100000c)
	case "windows_amd64":
		copy(head, "MZ")
		binary.LittleEndian.PutUint32(head[60:], 128)
		copy(head[128:], "PE\x00\x00\x64\x86")
	}
	return string(head)
}

// TestReadRelease makes a release of archives for several platforms, told by
// their executables.
func TestReadRelease(t *testing.T) {
	ctx, d := context.Background(), repo.Details{Namespace: "acme", Published: start}
	var archives []string
	for _, p := range []string{"linux_amd64", "linux_arm64", "darwin_arm64", "windows_amd64"} {
		archives = append(archives, pack(t, "scaler", "1.0.0", native(p)))
	}
	n, err := repo.ReadRelease(ctx, archives, nil, d)
	must(t, err)
	for i, p := range []string{"linux_amd64", "linux_arm64", "darwin_arm64", "windows_amd64"} {
		if n.Archives[p] != archives[i] || n.Release.Platforms[p].Unpacked < 256 {
			t.Errorf("%s: %+v", p, n)
		}
	}
	if n.Release.ID != "acme/scaler" || n.Release.Version != "1.0.0" || len(n.Release.Grants) != 1 || n.Release.Summary == "" {
		t.Errorf("%+v", n.Release)
	}

	unknown := pack(t, "scaler", "1.0.0", "\x00\x01")
	_, err = repo.ReadRelease(ctx, []string{unknown}, nil, d)
	wantError(t, err, "PLATFORM=ARCHIVE")
	n, err = repo.ReadRelease(ctx, []string{unknown}, map[string]string{unknown: "linux_mips"}, d)
	if err != nil || n.Archives["linux_mips"] != unknown {
		t.Error(n, err)
	}
	python := packFor(t, &manifest.Runtime{Python: ">=3.10"}, "scaler", "1.0.0", "import bulkhead\n")
	n, err = repo.ReadRelease(ctx, []string{python}, nil, d)
	if err != nil || n.Archives[release.Any] != python {
		t.Error("a script without #! that a runtime runs:", n, err)
	}
	_, err = repo.ReadRelease(ctx, archives[:1], map[string]string{archives[0]: "linux_arm64"}, d)
	wantError(t, err, "is a program for linux_amd64")
	_, err = repo.ReadRelease(ctx, []string{archives[0], archives[0]}, nil, d)
	wantError(t, err, "it is for linux_amd64, as")
	_, err = repo.ReadRelease(ctx, []string{archives[0], pack(t, "scaler", "1.0.1", native("linux_arm64"))}, nil, d)
	wantError(t, err, `manifest has version "1.0.1"`)
	_, err = repo.ReadRelease(ctx, []string{archives[0], pack(t, "other", "1.0.0", native("linux_arm64"))}, nil, d)
	wantError(t, err, `of the plugin "other"`)
	_, err = repo.ReadRelease(ctx, []string{filepath.Join(t.TempDir(), "none")}, nil, d)
	wantError(t, err, "no such file")
}

// TestPublishChecksTheArchive: a release that lies about what its archive holds.
func TestPublishChecksTheArchive(t *testing.T) {
	for part, lie := range map[string]func(*release.Release){
		"asks for other grants":      func(r *release.Release) { r.Grants = nil },
		"other than the release":     func(r *release.Release) { r.Grants[0].Path = "/sys/module/amdgpu" },
		"another summary or licence": func(r *release.Release) { r.Licence = "MIT" },
		"the protocols":              func(r *release.Release) { r.Protocols = []int{1, 2} },
		"unpacks to": func(r *release.Release) {
			p := r.Platforms["any"]
			p.H1 = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
			r.Platforms["any"] = p
		},
	} {
		r := newRegistry(t)
		s := r.signing("1.0.0")
		lie(s.Add[0].Release)
		sub, err := repo.Sign(s)
		must(t, err)
		_, err = r.online().Publish(context.Background(), sub)
		if part == "other than the release" {
			part = "other grants than the release"
		}
		wantError(t, err, part)
		r.sound(0)
	}
}

// FuzzSubmission: no metadata in a submission make the registry fail badly, and
// none are published that the publisher did not sign.
func FuzzSubmission(f *testing.F) {
	r := newRegistry(f)
	sub := r.sign("1.0.0")
	signed, online := bytes.Clone(sub.Metadata), r.online()
	f.Add(signed)
	f.Add(bytes.ReplaceAll(signed, []byte("1.0.0"), []byte("1.0.1")))
	f.Add([]byte(`{"signed":{"_type":"targets","targets":{"plugins/acme/a/1.0.0/any.tar.zst":null}},"signatures":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &repo.Submission{Namespace: "acme", Metadata: data, Archives: map[string]string{}}
		if c, err := s.Contents(); err == nil {
			for _, o := range c.Offers {
				must(t, o.Release.Validate())
			}
		}
		if _, err := online.Publish(context.Background(), s); err == nil {
			t.Error("it is published")
		}
	})
}
