// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// inputsOf asks a plugin on a machine for the inputs of its facts.
func inputsOf(t *testing.T, target *pluginv1.Target, ttl time.Duration, collect func(*Target, *Recorder)) (map[string]*pluginv1.Input, time.Duration) {
	t.Helper()
	r, err := Serve(Collector{Name: "c", TTL: ttl, Collect: func(_ context.Context, target *Target, r *Recorder) error {
		collect(target, r)
		return nil
	}}).Collect(t.Context(), &pluginv1.CollectRequest{Target: target, WantInputs: true})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*pluginv1.Input{}
	for _, i := range r.GetInputs() {
		out[i.GetKind().String()[len("KIND_"):]+" "+i.GetPath()] = i
	}
	return out, time.Duration(r.GetKeepNs())
}

func inputTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"a/b", "real"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"a/b/file", "real/file"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/real", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestInputs(t *testing.T) {
	n := nodeOf(mustLstat(t, t.TempDir()))
	if _, ok := n.identity(); !ok {
		t.Skip("no facts are kept on this system")
	}
	for _, tt := range []struct {
		name string
		look func(*Target)
		want string // what must be among the inputs, and nothing else that is no TYPE
	}{
		{"read", func(t *Target) { t.ReadText("/a/b/file") }, "CONTENT /a/b/file"},
		{"on the way", func(t *Target) { t.ReadText("/a/b/file") }, "TYPE /a; TYPE /a/b; CONTENT /a/b/file"},
		{"through a link", func(t *Target) { t.ReadText("/link/file") }, "LINK /link; TYPE /real; CONTENT /real/file"},
		{"remembered link", func(t *Target) { t.Exists("/link"); t.ReadText("/link/file") }, "LINK /link; CONTENT /real/file"},
		{"list", func(t *Target) { _, _ = t.ReadDir("/a/b") }, "TYPE /a; CONTENT /a/b"},
		{"list with sizes", func(t *Target) { sizes(t, "/a/b") }, "CONTENT /a/b; CONTENT /a/b/file"},
		{"list of at most", func(t *Target) { _, _, _ = t.List("/a/b", 1) }, "CONTENT /a/b"},
		{"glob", func(t *Target) { t.Glob("/a/*/file") }, "CONTENT /a; CONTENT /a/b/file"},
		{"absent", func(t *Target) { t.Exists("/a/none/deeper") }, "ABSENT /a/none"},
		{"below a file", func(t *Target) { t.Exists("/a/b/file/none") }, "CONTENT /a/b/file; ABSENT /a/b/file/none"},
		{"exists", func(t *Target) { t.Exists("/a/b") }, "TYPE /a; TYPE /a/b"},
		{"stat of a directory", func(t *Target) { _, _ = t.Stat("/a/b") }, "CONTENT /a/b"},
		{"lstat of a link", func(t *Target) { _, _ = t.Lstat("/link") }, "LINK /link"},
		{"text of a link", func(t *Target) { _, _ = t.Readlink("/link") }, "LINK /link"},
		{"text of no link", func(t *Target) { _, _ = t.Readlink("/a/b/file") }, "CONTENT /a/b/file"},
		{"open", func(t *Target) { open(t, "/a/b/file") }, "CONTENT /a/b/file"},
		{"size of a file system", func(t *Target) { t.Statfs("/data/") }, "SPACE /data"},
		{"size that is not known", func(t *Target) { t.Statfs("/none") }, "SPACE /none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := &pluginv1.Target{Root: inputTree(t), Filesystems: map[string]*pluginv1.FilesystemUsage{"/data": {TotalBytes: 9, FreeBytes: 4}}}
			got, ttl := inputsOf(t, target, time.Minute, func(target *Target, _ *Recorder) { tt.look(target) })
			if ttl != time.Minute {
				t.Fatalf("kept for %v", ttl)
			}
			again := TargetFromProto(target)
			for key, i := range got {
				if !again.Unchanged(i) {
					t.Errorf("%s has changed by itself", key)
				}
				if !strings.HasPrefix(key, "TYPE") && !strings.Contains("; "+tt.want+";", "; "+key+";") {
					t.Errorf("unexpected %s", key)
				}
			}
			for want := range strings.SplitSeq(tt.want, "; ") {
				if got[want] == nil {
					t.Errorf("no %s among %v", want, got)
				}
			}
		})
	}
}

func sizes(t *Target, dir string) {
	entries, _ := t.ReadDir(dir)
	for _, e := range entries {
		_, _ = e.Info()
	}
}

func mustLstat(t *testing.T, name string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func open(t *Target, name string) {
	if f, err := t.Open(name); err == nil {
		_ = f.Close()
	}
}

func TestFactsOfTheMoment(t *testing.T) {
	root := inputTree(t)
	for name, tt := range map[string]struct {
		ttl  time.Duration
		look func(*Target, *Recorder)
	}{
		"no time to live":          {0, func(*Target, *Recorder) {}},
		"asked a library":          {time.Minute, func(_ *Target, r *Recorder) { r.Live("NVML") }},
		"changed while looked at":  {time.Minute, func(target *Target, _ *Recorder) { grows(t, target, root) }},
		"opened a directory":       {time.Minute, func(target *Target, _ *Recorder) { open(target, "/a") }},
		"a name that is not UTF-8": {time.Minute, func(target *Target, _ *Recorder) { target.Exists("/a/\xff") }},
		"panicked":                 {time.Minute, func(*Target, *Recorder) { panic("x") }},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ttl := inputsOf(t, &pluginv1.Target{Root: root}, tt.ttl, tt.look); ttl != 0 || len(got) > 0 {
				t.Errorf("kept for %v with %d inputs", ttl, len(got))
			}
		})
	}
}

// grows reads a file that grows in between.
func grows(t *testing.T, target *Target, root string) {
	target.ReadText("/a/b/file")
	if err := os.WriteFile(filepath.Join(root, "a/b/file"), []byte("longer"), 0o600); err != nil {
		t.Error(err)
	}
	target.ReadText("/a/b/file")
}

func TestInputsAreNotWantedByDefault(t *testing.T) {
	r, err := Serve(Collector{Name: "c", TTL: time.Minute, Collect: func(_ context.Context, t *Target, _ *Recorder) error {
		t.ReadText("/a/b/file")
		return nil
	}}).Collect(t.Context(), &pluginv1.CollectRequest{Target: &pluginv1.Target{Root: inputTree(t)}})
	if err != nil || len(r.GetInputs()) > 0 || r.GetKeepNs() != 0 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestTimeToLiveIsTheLeast(t *testing.T) {
	for want, all := range map[time.Duration][]time.Duration{0: {time.Minute, 0}, time.Second: {time.Minute, time.Second}, time.Minute: {time.Minute}} {
		var collectors []Collector
		for _, ttl := range all {
			collectors = append(collectors, Collector{TTL: ttl})
		}
		if got := keep(collectors); got != want {
			t.Errorf("%v: %v", all, got)
		}
	}
	if keep(nil) != 0 {
		t.Error("no collectors are kept")
	}
}

// TestGrantedThroughALink: a plugin sees what it was granted in the place of the
// link that led there.
func TestGrantedThroughALink(t *testing.T) {
	root := inputTree(t)
	got, _ := inputsOf(t, &pluginv1.Target{Root: root}, time.Minute, func(target *Target, _ *Recorder) { target.ReadText("/real/file") })
	i := got["CONTENT /real/file"]
	if i == nil {
		t.Skip("no facts are kept on this system")
	}
	i.Path = "/granted"
	if err := os.Symlink("/link/file", filepath.Join(root, "granted")); err != nil {
		t.Fatal(err)
	}
	if !(&Target{Root: root}).Unchanged(i) {
		t.Error("the link still leads there")
	}
	if err := os.Remove(filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/a/b", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if (&Target{Root: root}).Unchanged(i) {
		t.Error("the link leads elsewhere")
	}
}

func TestList(t *testing.T) {
	root := inputTree(t)
	if err := os.WriteFile(filepath.Join(root, "a/b/more"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	target := &Target{Root: root}
	for most, want := range map[int]bool{0: true, 1: true, 2: false, 9: false} {
		entries, more, err := target.List("/a/b", most)
		if err != nil || more != want || len(entries) != min(most, 2) {
			t.Errorf("at most %d: %v, more: %v, %v", most, entries, more, err)
		}
	}
	if entries, more, err := target.List("/link", 1); err != nil || more || len(entries) != 1 || entries[0].Name() != "file" {
		t.Errorf("through a link: %v, %v, %v", entries, more, err)
	}
	for _, name := range []string{"/none", "/a/b/file"} {
		if _, _, err := target.List(name, 1); err == nil {
			t.Errorf("%s was listed", name)
		}
	}
}

func TestKeep(t *testing.T) {
	if got := keep(Keep(time.Minute, Collector{Name: "a"}, Collector{Name: "b"})); got != time.Minute {
		t.Errorf("kept for %v", got)
	}
}

func TestReads(t *testing.T) {
	var r Reads
	s := NewSet([]Fact{{Address: "a", Value: []byte("1")}, {Address: "e[k].v", Value: []byte("2")}}).Noting(&r)
	s.Known("a")
	s.Instances("e")
	s.Evidence("b")
	p := r.ToProto()
	if strings.Join(p.GetAddresses(), " ") != "a b" || strings.Join(p.GetGroups(), " ") != "e" || p.GetAll() {
		t.Errorf("reads %v", p)
	}
	s.All()
	if !r.ToProto().GetAll() {
		t.Error("the whole set was read")
	}
}

// TestAnswersAreToldApart: no key of one group counts as one of another.
func TestAnswersAreToldApart(t *testing.T) {
	set := func(addresses ...string) Set {
		var out []Fact
		for _, a := range addresses {
			out = append(out, Fact{Address: a, Value: []byte("1")})
		}
		return NewSet(out)
	}
	asked := &pluginv1.FactReads{Groups: []string{"a", "b"}}
	one, other := set("a[group b].x"), set("b[group b].x")
	if string(one.Answers(asked)) == string(other.Answers(asked)) {
		t.Error("two sets of facts give the same answers")
	}
	if string(one.Answers(asked)) != string(set("a[group b].x", "c[y].x").Answers(asked)) {
		t.Error("a group that nobody asked for counts")
	}
}
