// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMachinesStayInTheirDirectory: the names of a fixture's files come from
// strangers, and are written where the suite runs.
func TestMachinesStayInTheirDirectory(t *testing.T) {
	own := t.TempDir()
	t.Setenv("TMPDIR", own)
	t.Setenv("TMP", own) // of Windows
	outside := filepath.Join(os.TempDir(), "stolen")
	for _, name := range []string{
		"../stolen", "/../stolen", "/a/../../stolen", "stolen", "", "/", "/a/", "//a", "/a/./b", "/a\x00b", outside + "/../../stolen",
	} {
		quoted, err := json.Marshal(map[string]string{name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		dir := fixtureDir(t, map[string]string{"bad.json": `{"machine": ` + string(quoted) + `, "expect": {"facts": {"a.b": null}}}`})
		r := RunWith(t.Context(), sound().subject(), Options{Only: []string{"fixture/bad"}, Fixtures: dir})
		if c := r.Cases[0]; c.Status != Failed || !strings.Contains(c.Detail, "of a machine") {
			t.Errorf("%q: %+v", name, c)
		}
	}
	twice := map[string]string{"/a": "a file", "/a/b": "in it"}
	if _, err := machine(twice); err == nil {
		t.Error("a file is a directory as well")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() == "stolen" || strings.HasPrefix(e.Name(), "bulkhead-") }) {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestWhatIsNoFixture: what editors and copying leave is passed over, and what is
// no file is not waited for.
func TestWhatIsNoFixture(t *testing.T) {
	dir := fixtureDir(t, map[string]string{"._a.json": "\x00\x05", ".hidden.json": "{", "a.json~": "{"})
	if rules := Rules(Options{Only: []string{"fixture"}, Fixtures: dir}); len(rules) != 1 || rules[0].Name != "fixture/none" {
		t.Errorf("rules %v", rules)
	}
	if err := os.Symlink(os.DevNull, filepath.Join(dir, "device.json")); err != nil {
		t.Skip(err)
	}
	r := RunWith(t.Context(), sound().subject(), Options{Only: []string{"fixture"}, Fixtures: dir})
	if c := r.Cases[0]; c.Status != Failed || !strings.Contains(c.Detail, "not a regular file") {
		t.Errorf("%+v", c)
	}
}

// TestLargeFixture is refused by its size, before it is read whole.
func TestLargeFixture(t *testing.T) {
	dir := fixtureDir(t, map[string]string{"large.json": "{"})
	if err := os.Truncate(filepath.Join(dir, "large.json"), 1<<30); err != nil {
		t.Fatal(err)
	}
	r := RunWith(t.Context(), sound().subject(), Options{Only: []string{"fixture"}, Fixtures: dir})
	if c := r.Cases[0]; c.Status != Failed || !strings.Contains(c.Detail, "larger than 16777216 bytes") {
		t.Errorf("%+v", c)
	}
}

// TestLargeIntegers are compared as such: floats have fewer digits.
func TestLargeIntegers(t *testing.T) {
	for _, pair := range [][2]string{
		{"18446744073709551615", "18446744073709551614"}, {"9007199254740993", "9007199254740992"}, {"-1", "1"},
		{"100000000000000000000000001", "100000000000000000000000000"},
	} {
		if (Tolerance{}).sameJSON([]byte(pair[0]), []byte(pair[1])) {
			t.Errorf("%s is %s", pair[0], pair[1])
		}
		if !(Tolerance{}).sameJSON([]byte(pair[0]), []byte(pair[0])) {
			t.Errorf("%s is not itself", pair[0])
		}
	}
	if !(Tolerance{}).sameJSON([]byte("1"), []byte("1.0")) {
		t.Error("1 is not 1.0")
	}
}

// TestDeepFixture neither ends the suite nor is taken.
func TestDeepFixture(t *testing.T) {
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	if _, err := ParseFixture([]byte(`{"facts": {"a.b": ` + deep + `}, "expect": {"findings": []}}`)); err == nil {
		t.Error("it is taken")
	}
}

// TestSlowPlugin: calls that take long do not make the rules about leaks endless.
func TestSlowPlugin(t *testing.T) {
	defer func(was time.Duration) { leakTime = was }(leakTime)
	leakTime = 0
	b := &bench{ctx: t.Context(), subject: sound().subject()}
	defer b.close()
	d, err := b.describe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.plugin()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := b.exercise(p, d, leakCalls); n != leastCalls || err != nil {
		t.Errorf("%d calls, %v", n, err)
	}
}
