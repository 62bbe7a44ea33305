// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

func TestBasic(t *testing.T) {
	s := begun(t)
	s.wantAsked()
	s.want(0, s.refresh())
	s.wantAsked("2.root", "timestamp", "1.snapshot", "1.targets")
	s.wantTrusted(1, 1, 1, 1)
	s.want(0, s.refresh())
	s.wantAsked("2.root", "timestamp")
}

func TestUsage(t *testing.T) {
	s := begun(t)
	for _, args := range [][]string{{}, {"upgrade"}, {"refresh"}, {"download"}, {"--what", "refresh"}, {"init", "/nowhere/root.json"}} {
		s.want(1, s.run(args...))
	}
	var b bytes.Buffer
	if run(t.Context(), []string{"refresh"}, &b) != 1 || !strings.Contains(b.String(), "--metadata-dir is missing") {
		t.Error(b.String())
	}
	s.fakeTime = "tomorrow"
	s.want(1, s.refresh())
}

func TestImplicitRefresh(t *testing.T) {
	s := begun(t)
	s.want(1, s.download("nonexistent artifact"))
	s.wantAsked("2.root", "timestamp", "1.snapshot", "1.targets")
	s.wantTrusted(1, 1, 1, 1)
}

func TestBadInitialRoot(t *testing.T) {
	for _, change := range [][2]string{{`"version":1`, `"version":0`}, {`"sig":"`, `"sig":"00`}, {`"_type":"root"`, `"_type":"targets"`}} {
		s := newSuite(t)
		root := s.Get("metadata/1.root.json")
		bad := bytes.Replace(root, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(root, bad) {
			t.Fatal(change)
		}
		s.init(bad)
		s.want(1, s.refresh())
		s.wantAsked()
	}
}

func TestCustomFields(t *testing.T) {
	s := begun(t)
	s.Root.Signed.UnrecognizedFields = map[string]any{"custom-field": "value"}
	s.Root.Signed.Roles["root"].UnrecognizedFields = map[string]any{"another-field": map[string]any{"a": 1, "b": 2}}
	s.PublishRoot()
	s.want(0, s.refresh())
	s.wantTrusted(2, 1, 1, 1)
}

// TestTimestampContent: other content under the version that the client has is
// not taken.
func TestTimestampContent(t *testing.T) {
	s := begun(t)
	s.want(0, s.refresh())
	s.Timestamp.Signed.Meta["snapshot.json"].Version = 100
	s.WriteTimestamp()
	s.want(0, s.refresh())
	s.wantTrusted(1, 1, 1, 1)
}

func TestHashMismatch(t *testing.T) {
	s := begun(t)
	s.Hashes = true
	s.want(0, s.refresh())
	s.Publish("targets")
	s.Set("metadata/2.targets.json", append(s.Get("metadata/2.targets.json"), ' '))
	s.want(1, s.refresh())
	s.wantTrusted(1, 2, 2, 1)
	s.Publish()
	s.Set("metadata/3.snapshot.json", append(s.Get("metadata/3.snapshot.json"), ' '))
	s.want(1, s.refresh())
	s.wantTrusted(1, 3, 2, 1)
}

func TestRollback(t *testing.T) {
	for _, hashes := range []bool{false, true} {
		s := begun(t)
		s.Hashes = hashes
		s.Publish("targets")
		s.Publish("targets")
		s.want(0, s.refresh())
		s.Timestamp.Signed.Version = 2
		s.WriteTimestamp()
		s.want(1, s.refresh())
		s.wantTrusted(1, 3, 3, 3)
		s.Snapshot.Signed.Version = 2
		s.WriteSnapshot()
		s.Timestamp.Signed.Version = 4
		s.WriteTimestamp()
		s.asked()
		s.want(1, s.refresh())
		s.wantTrusted(1, 3, 3, 3)
		s.wantAsked("2.root", "timestamp")
		s.Targets["targets"].Signed.Version = 2
		s.WriteTargets("targets")
		s.Snapshot.Signed.Version = 4
		s.Publish()
		s.want(1, s.refresh())
		s.wantTrusted(1, 5, 3, 3)
	}
}

// TestSnapshotOfOneVersion: the client has the snapshot that the timestamp names
// and does not ask for it, whatever the repository would serve.
func TestSnapshotOfOneVersion(t *testing.T) {
	s := begun(t)
	s.Publish()
	s.want(0, s.refresh())
	s.asked()
	s.Set("metadata/2.snapshot.json", s.Get("metadata/1.snapshot.json"))
	s.want(0, s.refresh())
	s.wantAsked("2.root", "timestamp")
	s.wantTrusted(1, 2, 2, 1)
}

func TestSnapshotVersionMismatch(t *testing.T) {
	s := begun(t)
	s.Publish()
	s.Set("metadata/2.snapshot.json", s.Get("metadata/1.snapshot.json"))
	s.want(1, s.refresh())
	s.wantTrusted(1, 2, 0, 0)
}

func TestFastForwardRecovery(t *testing.T) {
	for _, roles := range [][]string{{"snapshot"}, {"timestamp"}, {"snapshot", "timestamp"}} {
		s := begun(t)
		s.Targets["targets"].Signed.Version, s.Snapshot.Signed.Version, s.Timestamp.Signed.Version = 99999, 99999, 99999
		s.Publish("targets")
		s.want(0, s.refresh())
		s.wantTrusted(1, 100000, 100000, 100000)
		for _, role := range roles {
			s.Rotate(role, 1, tuftest.NewKey(t))
		}
		s.PublishRoot()
		s.Targets["targets"].Signed.Version, s.Snapshot.Signed.Version, s.Timestamp.Signed.Version = 0, 0, 0
		s.Publish("targets")
		s.want(0, s.refresh())
		s.wantTrusted(2, 1, 1, 1)
	}
}

func TestExpiration(t *testing.T) {
	s := begun(t)
	s.want(0, s.refresh())
	s.PublishRoot()
	s.want(0, s.refresh())
	s.Root.Signed.Expires = days(-1)
	s.PublishRoot()
	s.Publish("targets")
	s.want(1, s.refresh())
	s.wantTrusted(3, 1, 1, 1)
	s.Root.Signed.Expires = days(1)
	s.PublishRoot()
	s.Timestamp.Signed.Expires = days(-5)
	s.Publish()
	s.want(1, s.refresh())
	s.wantTrusted(4, 1, 1, 1)
	s.Timestamp.Signed.Expires, s.Snapshot.Signed.Expires = days(1), days(-5)
	s.Publish()
	s.want(1, s.refresh())
	s.wantTrusted(4, 4, 1, 1)
	s.Snapshot.Signed.Expires, s.Targets["targets"].Signed.Expires = days(1), days(-5)
	s.Publish("targets")
	s.want(1, s.refresh())
	s.wantTrusted(4, 5, 5, 1)
}

// TestExpiredLocal: what is kept and has expired still guards against rollback,
// and newer metadata take its place.
func TestExpiredLocal(t *testing.T) {
	s := newSuite(t)
	s.Root.Signed.Expires, s.Snapshot.Signed.Expires, s.Targets["targets"].Signed.Expires = days(40), days(40), days(40)
	root := s.PublishRoot()
	s.Timestamp.Signed.Expires = days(7)
	s.Publish("targets")
	s.want(0, s.init(root))
	s.want(0, s.refresh())
	s.wantTrusted(2, 2, 2, 2)
	s.Timestamp.Signed.Expires = days(21)
	s.Publish("targets")
	s.fakeTime = days(18).Local().Format("@2006-01-02 15:04:05")
	s.want(0, s.refresh())
	s.wantTrusted(2, 3, 3, 3)
	s.fakeTime = "+22d"
	s.want(1, s.refresh())
}

func TestDelegations(t *testing.T) {
	s := begun(t)
	s.DelegateFrom("targets", "A", false, "*.md")
	s.DelegateFrom("targets", "B", false, "releases/*/*")
	s.DelegateFrom("B", "C", false, "releases/x/*")
	s.DelegateFrom("B", "D", true, "releases/y/*.zip")
	s.AddTarget("targets", "top", []byte("top"))
	s.AddTarget("A", "README.md", []byte("by A"))
	s.AddTarget("C", "releases/x/x 1", []byte("by C"))
	s.AddTarget("D", "releases/y/y1.zip", []byte("by D"))
	s.AddTarget("D", "releases/z/z1.zip", []byte("outside"))
	s.Set(strings.Replace(tuftest.TargetName("releases/x/x 1", []byte("by C")), " ", "%20", 1), []byte("by C"))
	s.Publish("targets", "A", "B", "C", "D")
	s.want(0, s.refresh())
	s.asked()
	for _, c := range []struct {
		name string
		code int
		want []string
	}{
		{"top", 0, nil},
		{"README.md", 0, []string{"1.A"}},
		{"releases/x/x 1", 0, []string{"1.B", "1.C"}},
		{"releases/y/y1.zip", 0, []string{"1.D"}},
		{"releases/z/z1.zip", 1, nil},
	} {
		s.want(c.code, s.download(c.name))
		s.wantAsked(append([]string{"2.root", "timestamp"}, c.want...)...)
	}
	s.wantArtifacts("top", "by A", "by C", "by D")
}

func TestUnusualRoleNames(t *testing.T) {
	for role, quoted := range map[string]string{"?": "%3F", "#": "%23", "/delegated": "%2Fdelegated", "../delegated": "..%2Fdelegated"} {
		s := begun(t)
		s.Delegate(role, "*")
		s.Publish("targets", role)
		s.want(1, s.download("nonexistent"))
		if !slices.Contains(s.asked(), "1."+quoted) {
			t.Errorf("%q was not asked for as %q", role, quoted)
		}
		if got := s.trusted(); len(got) != 5 {
			t.Errorf("%q: trusted %v", role, got)
		}
	}
}

func TestDownload(t *testing.T) {
	s := begun(t)
	s.AddTarget("targets", "path/to/file.txt", []byte("contents"))
	s.AddTarget("targets", "other.txt", []byte("other"))
	s.Publish("targets")
	s.want(0, s.refresh())
	s.wantArtifacts()
	s.want(0, s.download("path/to/file.txt"))
	s.wantArtifacts("contents")
	evil := []byte("malicious")
	s.Set(tuftest.TargetName("path/to/file.txt", []byte("contents")), evil)
	s.Set(tuftest.TargetName("other.txt", []byte("other")), evil)
	s.want(0, s.download("path/to/file.txt")) // it is there already
	s.want(1, s.download("other.txt"))
	s.Set(tuftest.TargetName("other.txt", []byte("other")), bytes.Repeat(evil, 1000))
	s.want(1, s.download("other.txt"))
	s.wantArtifacts("contents")
	s.AddTarget("targets", "path/to/file.txt", []byte("changed"))
	s.Publish("targets")
	s.want(0, s.download("path/to/file.txt"))
	s.wantArtifacts("changed")
}

func TestTargetWithoutHash(t *testing.T) {
	s := begun(t)
	s.AddTarget("targets", "a", []byte("x")).Hashes = metadata.Hashes{}
	s.Set("targets/a", []byte("y"))
	s.Publish("targets")
	s.want(1, s.download("a"))
	s.wantArtifacts()
}

func TestDelegatedExpiration(t *testing.T) {
	s := begun(t)
	s.Delegate("D", "d/*")
	s.AddTarget("D", "d/first", []byte("first"))
	s.Targets["D"].Signed.Expires = days(-1)
	s.Publish("targets", "D")
	s.want(0, s.refresh())
	s.want(1, s.download("d/first"))
	s.wantArtifacts()
	if _, ok := s.trusted()["D"]; ok {
		t.Error("an expired role is trusted")
	}
	s.Targets["D"].Signed.Expires = time.Now().UTC().Add(time.Hour)
	s.Publish("D")
	s.want(0, s.download("d/first"))
}
