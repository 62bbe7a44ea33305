// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	long := strings.Repeat("a", 255)
	for name, good := range map[string]bool{
		"metadata/1.root.json":                    true,
		"metadata/timestamp.json":                 true,
		"log/tile/8/0/x001/234.p/5":               true,
		"log/lookup/acme/scaler/1.2.0-rc.1+build": true,
		"a%2Fb":                         true,
		long + "/" + long:               true,
		"":                              false,
		"/metadata/root.json":           false,
		"metadata/":                     false,
		"metadata//root.json":           false,
		"../secret":                     false,
		"metadata/../../secret":         false,
		"metadata/./root.json":          false,
		".lock":                         false,
		"targets/.new-ABC":              false,
		"metadata/root.json.":           false, // Windows drops the dot
		`metadata\root.json`:            false,
		"C:/x":                          false,
		"a b":                           false,
		"a\x00b":                        false,
		"é":                             false,
		"a?b":                           false,
		"a#b":                           false,
		long + "a":                      false,
		strings.Repeat("abcd/", 300):    false,
		strings.Repeat("abc/", 256)[1:]: false,
	} {
		err := CheckName(name)
		if (err == nil) != good {
			t.Errorf("CheckName(%.40q) = %v, want good = %v", name, err, good)
		}
		var bad *NameError
		if err != nil && !errors.As(err, &bad) {
			t.Errorf("CheckName(%.40q): %T is no *NameError", name, err)
		}
	}
}

var tagForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"metadata/1.root.json", "../x", "a//b", "-a", "a%2e%2e/b", strings.Repeat("a/", 300) + "b", "x.", "a_b", "a__b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		if path.Clean(name) != name || !filepath.IsLocal(filepath.FromSlash(name)) && filepath.Separator == '/' {
			t.Fatalf("%q is accepted and not canonical", name)
		}
		if tag := Tag(name); !tagForm.MatchString(tag) {
			t.Fatalf("Tag(%q) = %q is no tag", name, tag)
		}
		u := (&web{base: &url.URL{Scheme: "https", Host: "h", Path: "/r/"}}).url(name)
		back, err := url.Parse(u.String())
		if err != nil || back.Path != "/r/"+name {
			t.Fatalf("%q is %v as a URL, which is %v, %v", name, u, back, err)
		}
	})
}

func TestTagsDiffer(t *testing.T) {
	long := "targets/" + strings.Repeat("a", 200)
	names := []string{"a/b", "a__b", "a_b", "a_2fb", "a/_b", "a_/b", "a%b", "a+b", "-a", "_2da", "_a", long, long + "b", "_sha256-x", "sha256-x"}
	seen := map[string]string{}
	for _, name := range names {
		tag := Tag(name)
		if other, ok := seen[tag]; ok {
			t.Errorf("%q and %q have the tag %q", name, other, tag)
		}
		if !tagForm.MatchString(tag) {
			t.Errorf("Tag(%q) = %q is no tag", name, tag)
		}
		seen[tag] = name
	}
	if got := Tag("metadata/1.root.json"); got != "metadata__1.root.json" {
		t.Errorf("the documented tag changed: %q", got)
	}
	if got := Tag("log/tile/8/0/x001/234.p/5_+"); got != "log__tile__8__0__x001__234.p__5_5f_2b" {
		t.Errorf("the documented tag changed: %q", got)
	}
}

func TestImmutable(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for name, want := range map[string]struct {
		sum string
		yes bool
	}{
		"targets/plugins/acme/scaler/1.2.0/" + sum + ".release.json": {sum, true},
		"metadata/3.root.json":                     {"", true},
		"metadata/12.acme.json":                    {"", true},
		"metadata/timestamp.json":                  {"", false},
		"metadata/1x.root.json":                    {"", false},
		"log/checkpoint":                           {"", false},
		"log/tile/8/0/000":                         {"", true},
		"log/tile/8/0/000.p/5":                     {"", true},
		"log/lookup/acme/scaler/1.2.0":             {"", false},
		"targets/plugins/acme/scaler/1.2.0/a.json": {"", false},
		"targets/" + strings.ToUpper(sum) + ".x":   {"", false},
		"targets/" + sum:                           {"", false},
		"targets/" + sum + "./x":                   {"", false},
	} {
		if got, yes := Immutable(name); got != want.sum || yes != want.yes {
			t.Errorf("Immutable(%q) = %q, %v; want %q, %v", name, got, yes, want.sum, want.yes)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, reason := range map[string]string{
		"https://user:secret@example.org/r": "credentials",
		"https://example.org/r?sig=secret":  "credentials",
		"https://example.org/r#x":           "credentials",
		"http://example.org/r":              "clear text",
		"http://127.evil.example/r":         "clear text",
		"https:///r":                        "no host",
		"ftp://example.org/r":               "begins with ftp",
		"file://server/share":               "three slashes",
		"oci://example.org":                 "in lower case",
		"oci://example.org/UPPER":           "in lower case",
		"oci://example.org/a:tag":           "without a tag",
		"https://exa mple/%zz":              "no URL",
		"":                                  "empty",
	} {
		_, err := OpenSource(address, Options{})
		var bad *AddressError
		if !errors.As(err, &bad) || !strings.Contains(bad.Reason, reason) {
			t.Errorf("OpenSource(%q): %v; want %q", address, err, reason)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("OpenSource(%q) tells the secret: %v", address, err)
		}
	}
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // whatever this machine's own credentials are
	for address, o := range map[string]Options{
		"https://example.org/r":      {},
		"http://localhost:8080/r":    {},
		"http://127.0.0.1:8080":      {},
		"http://[::1]:8080/r":        {},
		"http://example.org/r":       {Insecure: true},
		"oci://localhost:5000/a/b":   {},
		"oci://ghcr.io/acme/plugins": {},
	} {
		src, err := OpenSource(address, o)
		if err != nil || src.String() != address {
			t.Errorf("OpenSource(%q) = %v, %v", address, src, err)
		}
	}
	if _, err := OpenStore("https://example.org/r", Options{}); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("a web server as a store: %v", err)
	}
}

// TestANameIsShownAsItIs: a character that is not allowed is named as people see it,
// and not as one of its bytes.
func TestANameIsShownAsItIs(t *testing.T) {
	for name, shown := range map[string]string{"targets/sc\u0430ler": "'\u0430'", "targets/a\x1b[31m": `'\x1b'`, "targets/\xff": "'\ufffd'"} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), shown) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
