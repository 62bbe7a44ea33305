// SPDX-License-Identifier: Apache-2.0

package lock_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

const (
	h1a = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	h1b = "h1:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="
)

var (
	sumA = "sha256:" + strings.Repeat("a", 64)
	sumB = "sha256:" + strings.Repeat("b", 64)
)

func platformA(known ...string) lock.Platform {
	return lock.Platform{H1: h1a, Executable: sumA, Archive: sumA, Known: known}
}

func plugin(id, version string) lock.Plugin {
	return lock.Plugin{ID: id, Registry: "default", Version: version, Platforms: map[string]lock.Platform{"linux_amd64": platformA(lock.Signed)}}
}

func TestSetLookupRemove(t *testing.T) {
	var f lock.File
	grants := []string{"write ./out", "read /data", "read /data"}
	p := plugin("b/b", "1.0.0")
	p.Grants = grants
	f.Set(p)
	f.Set(plugin("a/a", "1.0.0"))
	f.Set(plugin("c/c", "1.0.0"))
	f.Set(plugin("a/a", "2.0.0"))
	if got := f.Versions(); !reflect.DeepEqual(got, map[string]string{"a/a": "2.0.0", "b/b": "1.0.0", "c/c": "1.0.0"}) {
		t.Errorf("versions %v", got)
	}
	if ids := []string{f.Plugins[0].ID, f.Plugins[1].ID, f.Plugins[2].ID}; !slices.IsSorted(ids) {
		t.Errorf("plugins in order %v", ids)
	}
	got, ok := f.Lookup("b/b")
	if want := []string{"read /data", "write ./out"}; !ok || !slices.Equal(got.Grants, want) {
		t.Errorf("grants %v, want %v", got.Grants, want)
	}
	if grants[0] != "write ./out" {
		t.Error("Set sorted the caller's list")
	}
	got.Grants[0], got.Platforms["any"] = "changed", lock.Platform{}
	if again, _ := f.Lookup("b/b"); again.Grants[0] == "changed" || len(again.Platforms) != 1 {
		t.Error("Lookup gave out what the file holds")
	}
	if !f.Remove("b/b") || f.Remove("b/b") || len(f.Plugins) != 2 {
		t.Errorf("after Remove: %v", f.Plugins)
	}
	if _, ok := f.Lookup("b/b"); ok {
		t.Error("a removed plugin is there")
	}
}

func TestConsented(t *testing.T) {
	p := plugin("a/a", "1.0.0")
	p.Grants = []string{"read /data/e\u0301"}
	for grant, want := range map[string]bool{"read /data/e\u0301": true, "read /data/\u00e9": true, "write /data/\u00e9": false, "read /data": false} {
		if p.Consented(grant) != want {
			t.Errorf("Consented(%q) is not %t", grant, want)
		}
	}
}

func TestEncodeRefusesWhatIsNotValid(t *testing.T) {
	for name, edit := range map[string]func(*lock.Plugin){
		"NAMESPACE":   func(p *lock.Plugin) { p.ID = "a" },
		"version":     func(p *lock.Plugin) { p.Version = "1" },
		"registry":    func(p *lock.Plugin) { p.Registry = "" },
		"constraints": func(p *lock.Plugin) { p.Constraints = "new" },
		"grant":       func(p *lock.Plugin) { p.Grants = []string{"read /a\x00"} },
		"platform":    func(p *lock.Plugin) { p.Platforms = nil },
		"known":       func(p *lock.Plugin) { p.Platforms = map[string]lock.Platform{"any": platformA("odd")} },
		"digest":      func(p *lock.Plugin) { p.Platforms = map[string]lock.Platform{"any": {}} },
	} {
		p := plugin("a/a", "1.0.0")
		edit(&p)
		if _, err := (&lock.File{Plugins: []lock.Plugin{p}}).Encode(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	twice := &lock.File{Plugins: []lock.Plugin{plugin("a/a", "1.0.0"), plugin("a/a", "2.0.0")}}
	if _, err := twice.Encode(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a plugin twice: error %v", err)
	}
}

func TestParseIsBounded(t *testing.T) {
	large := append([]byte("version = 1\n#"), bytes.Repeat([]byte("x"), lock.MaxBytes)...)
	var many strings.Builder
	many.WriteString("version = 1\n")
	for range 1000 {
		many.WriteString("novelty \"\x1b[2J\" {\n}\n")
	}
	for name, data := range map[string][]byte{
		"more than 4194304": large, "no block \"novelty\"": []byte(many.String()),
		"nest more than": bytes.Repeat([]byte("a {"), 1<<18), "words": bytes.Repeat([]byte("{"), lock.MaxBytes),
	} {
		_, err := lock.Parse("x.hcl", data)
		if _, ok := errors.AsType[*lock.ParseError](err); !ok || !strings.Contains(err.Error(), name) {
			t.Fatalf("%s: error %v", name, err)
		}
		if len(err.Error()) > 16<<10 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("%s: the error has %d bytes or holds what a terminal obeys", name, len(err.Error()))
		}
	}
	_, err := lock.Parse("x.hcl", []byte(many.String()))
	if wrong, _ := errors.AsType[*lock.ParseError](err); wrong.More != 980 || !strings.HasSuffix(err.Error(), "x.hcl: and 980 more") {
		t.Errorf("problems that are not listed: %d", wrong.More)
	}
}

// full is a lock of n plugins with five platforms more each.
func full(n int) *lock.File {
	f := &lock.File{}
	for i := range n {
		p := plugin(fmt.Sprintf("acme/plugin-%d", i), "1.0.0")
		p.Grants = []string{"read ~/.cache/huggingface/hub/models", "read /proc/driver/nvidia/version", "net acme.example:443", "env NCCL_*"}
		for _, key := range release.Platforms()[10:15] {
			p.Platforms[key] = platformA(lock.HowKnown()...)
		}
		f.Plugins = append(f.Plugins, p)
	}
	return f
}

// BenchmarkParse reads the lock of 30 plugins, as each start of the host does.
func BenchmarkParse(b *testing.B) {
	data, err := full(30).Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := lock.Parse("x.hcl", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	f := full(30)
	for b.Loop() {
		if _, err := f.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAFullFileParses fills a file to its bound with what it may hold.
func TestAFullFileParses(t *testing.T) {
	f := full(1950)
	data, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if len(data) < lock.MaxBytes*9/10 {
		t.Errorf("the file has %d bytes, so that this test does not fill it", len(data))
	}
	if got, err := lock.Parse("x.hcl", data); err != nil || len(got.Plugins) != len(f.Plugins) {
		t.Error(err)
	}
	more := plugin("acme/more", "1.0.0")
	for i := range 100 {
		more.Grants = append(more.Grants, fmt.Sprintf("read /%d/%s", i, strings.Repeat("x", 4000)))
	}
	f.Set(more)
	if _, err := f.Encode(); err == nil || !strings.Contains(err.Error(), "more than 4194304") {
		t.Errorf("error %v, want one about the size", err)
	}
}

func rel(version string, platforms map[string]lock.Platform) *release.Release {
	r := &release.Release{ID: "acme/scaler", Version: version, Platforms: map[string]release.Platform{}}
	for key, p := range platforms {
		r.Platforms[key] = release.Platform{H1: p.H1, Executable: p.Executable, Archive: p.Archive}
	}
	return r
}

func TestTamperedErrorSaysWhatToDo(t *testing.T) {
	f := &lock.File{Plugins: []lock.Plugin{plugin("acme/scaler", "1.0.0")}}
	changed := platformA()
	changed.H1 = h1b
	err := f.Admit(rel("1.0.0", map[string]lock.Platform{"linux_amd64": changed}), "linux_amd64")
	want := "acme/scaler 1.0.0 for linux_amd64 is not what was locked: its h1 is " + h1b + " and was " + h1a + "; a release never changes"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want one that begins with %q", err, want)
	}
	err = f.Admit(rel("1.0.0", map[string]lock.Platform{"any": platformA()}), "any")
	if err == nil || !strings.Contains(err.Error(), "no such platform any more") {
		t.Errorf("error %v", err)
	}
}

func TestAdmitAndMatchOfWhatIsNotLocked(t *testing.T) {
	var f lock.File
	if err := f.Admit(rel("1.0.0", map[string]lock.Platform{"any": platformA()}), "any"); err != nil || len(f.Plugins) != 0 {
		t.Errorf("Admit = %v, and the lock has %v", err, f.Plugins)
	}
	if err := f.Admit(rel("1.0.0", nil), "any"); err == nil {
		t.Error("a platform that the release does not have was admitted")
	}
	f.Set(plugin("acme/scaler", "1.0.0"))
	if err := f.Match("acme/scaler", "1.0.0", "linux_amd64", lock.Platform{H1: h1a, Executable: sumA, Archive: sumB}); err == nil {
		t.Error("another archive matches")
	}
	for _, args := range [][3]string{{"acme/scaler", "1.0.1", "linux_amd64"}, {"acme/other", "1.0.0", "linux_amd64"}, {"acme/scaler", "1.0.0", "any"}} {
		if err := f.Match(args[0], args[1], args[2], lock.Platform{}); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestDiff(t *testing.T) {
	edit := func(version string, change func(*lock.Plugin)) *lock.File {
		p := plugin("acme/scaler", version)
		p.Grants = []string{"read /data"}
		if change != nil {
			change(&p)
		}
		return &lock.File{Plugins: []lock.Plugin{p}}
	}
	with := func(platforms map[string]lock.Platform) func(*lock.Plugin) {
		return func(p *lock.Plugin) { p.Platforms = platforms }
	}
	base := edit("1.0.0", nil)
	for _, tt := range []struct {
		name          string
		before, after *lock.File
		want          []string
	}{
		{"nothing", base, edit("1.0.0", nil), nil},
		{"no file at all", nil, nil, nil},
		{"added", nil, base, []string{"acme/scaler: 1.0.0 added", "acme/scaler: may now also: read /data"}},
		{"removed", base, &lock.File{}, []string{"acme/scaler: 1.0.0 removed"}},
		{"upgraded", base, edit("1.10.0", nil), []string{"acme/scaler: 1.0.0 -> 1.10.0 (upgraded)"}},
		{"downgraded", edit("1.10.0", nil), edit("1.9.0", nil), []string{"acme/scaler: 1.10.0 -> 1.9.0 (downgraded)"}},
		{"upgraded with other digests", base, edit("1.1.0", with(map[string]lock.Platform{"linux_amd64": {H1: h1b}})), []string{"acme/scaler: 1.0.0 -> 1.1.0 (upgraded)"}},
		{"grants", base, edit("1.0.0", func(p *lock.Plugin) { p.Grants = []string{"write ./out", "env A"} }),
			[]string{"acme/scaler: may now also: env A, write ./out", "acme/scaler: may no longer: read /data"}},
		{"registry and constraints", base, edit("1.0.0", func(p *lock.Plugin) { p.Registry, p.Constraints = "mirror", "~> 1.0" }),
			[]string{"acme/scaler: registry default -> mirror", "acme/scaler: constraints none -> ~> 1.0"}},
		{"pinned", base, edit("1.0.0", func(p *lock.Plugin) { p.Pinned = true }), []string{"acme/scaler: pinned to 1.0.0"}},
		{"unpinned", edit("1.0.0", func(p *lock.Plugin) { p.Pinned = true }), base, []string{"acme/scaler: no longer pinned to 1.0.0"}},
		{"platforms", base, edit("1.0.0", with(map[string]lock.Platform{"any": platformA(), "darwin_arm64": platformA()})),
			[]string{"acme/scaler: digests added for any, darwin_arm64", "acme/scaler: digests removed for linux_amd64"}},
		{"other digests of a version", base, edit("1.0.0", with(map[string]lock.Platform{"linux_amd64": {H1: h1b}})),
			[]string{"acme/scaler: digests of 1.0.0 changed for linux_amd64"}},
		{"more ways of knowing", base, edit("1.0.0", with(map[string]lock.Platform{"linux_amd64": platformA(lock.Logged)})), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range lock.Diff(tt.before, tt.after) {
				got = append(got, c.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("changes\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func drawPlatform(t *rapid.T) lock.Platform {
	sum := func(name string) string {
		return "sha256:" + rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, name)
	}
	return lock.Platform{
		H1: rapid.SampledFrom([]string{h1a, h1b}).Draw(t, "h1"), Executable: sum("executable"), Archive: sum("archive"),
		Known: rapid.SliceOf(rapid.SampledFrom(lock.HowKnown())).Draw(t, "known"),
	}
}

func drawPlugin(t *rapid.T) lock.Plugin {
	value := rapid.StringOf(rapid.RuneFrom([]rune("a/~.${}%\"\\'é\u0301\u4e2d #\U0001F600*"), unicode.L, unicode.M, unicode.N, unicode.P, unicode.S))
	grant := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"read /", "env A", "write ./"}).Draw(t, "kind") + value.Draw(t, "value")
	})
	return lock.Plugin{
		ID:          rapid.StringMatching(`[a-f]{1,3}x/[a-z][a-z0-9-]{0,5}`).Draw(t, "id"),
		Registry:    rapid.StringMatching(`[A-Za-z][A-Za-z0-9_-]{0,9}`).Draw(t, "registry"),
		Version:     rapid.StringMatching(`(0|[1-9][0-9]?)\.(0|[1-9])\.(0|[1-9])(-rc\.[1-9])?`).Draw(t, "version"),
		Constraints: rapid.SampledFrom([]string{"", "~> 1.2", ">= 1.0, != 1.2.5"}).Draw(t, "constraints"),
		Pinned:      rapid.Bool().Draw(t, "pinned"),
		Grants:      rapid.SliceOfN(grant, 0, 4).Draw(t, "grants"),
		Platforms:   rapid.MapOfN(rapid.SampledFrom(release.Platforms()), rapid.Custom(drawPlatform), 1, 3).Draw(t, "platforms"),
	}
}

// TestRoundTrip writes lock files and reads them: nothing is lost, and the normal
// form of what was read is what was written.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &lock.File{}
		for _, p := range rapid.SliceOfN(rapid.Custom(drawPlugin), 0, 5).Draw(t, "plugins") {
			f.Set(p)
		}
		data, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := lock.Parse("x.hcl", data)
		if err != nil {
			t.Fatalf("%v in\n%s", err, data)
		}
		if !reflect.DeepEqual(f, got) {
			t.Fatalf("wrote %+v, read %+v", f, got)
		}
		if changes := lock.Diff(f, got); changes != nil {
			t.Fatalf("changes %v", changes)
		}
		again, err := got.Encode()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("encoded\n%s\nand then\n%s, %v", data, again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, e := range readVectors(f).Files {
		f.Add(readFile(f, e.File))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := lock.Parse("x.hcl", data)
		if err != nil {
			if len(err.Error()) > 32<<10 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		normal, err := file.Encode()
		if err != nil {
			t.Fatalf("what parses does not encode: %v", err)
		}
		again, err := lock.Parse("x.hcl", normal)
		if err != nil || !reflect.DeepEqual(file, again) {
			t.Fatalf("%+v became %+v, %v", file, again, err)
		}
		if twice, err := again.Encode(); err != nil || !bytes.Equal(normal, twice) {
			t.Fatalf("the normal form\n%s\nbecame\n%s, %v", normal, twice, err)
		}
	})
}
