// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestAddressErrorsSayWhatIsWrong(t *testing.T) {
	for address, want := range map[string]string{
		"":                                     "a word of a-z, 0-9, _ and - is missing",
		"gpu.":                                 "a word of a-z, 0-9, _ and - is missing",
		"gPu":                                  "a word may hold a-z, 0-9, _ and - only",
		"a[x":                                  "a bracket is not closed",
		"a[]":                                  "a key is empty",
		"a[\x1b[31m]":                          "a key holds control characters",
		"a[50%]":                               `a key holds % that is not written %25`,
		"a[x]y":                                `"y" follows a key without a dot`,
		"a\x1b]0;owned\x07":                    `"a" is not a fact address`,
		strings.Repeat("a", MaxAddressBytes+1): "4096 are allowed",
	} {
		err := CheckAddress(address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", address, err, want)
			continue
		}
		if Clean(err.Error()) != err.Error() {
			t.Errorf("the error for %.40q holds what a terminal obeys: %q", address, err)
		}
	}
}

// TestAddressesOfTheSDKAreGood: whatever printable key an author uses, fact.At
// makes an address that the host takes, and that gives the key back.
func TestAddressesOfTheSDKAreGood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringOfN(rapid.SampledFrom([]rune("ab/%]. [25D漢é:\\")), 1, 30, -1).Draw(t, "key")
		field := rapid.SampledFrom([]string{"", "version", "torch.cuda"}).Draw(t, "field")
		address := fact.At("python.env", key, field)
		if err := CheckAddress(address); err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix("python.env."+field, "."); WithoutKeys(address) != want {
			t.Fatalf("WithoutKeys(%q) = %q, want %q", address, WithoutKeys(address), want)
		}
		set := fact.NewSet([]fact.Fact{{Address: address, Value: []byte("1")}})
		if keys := set.Instances("python.env"); len(keys) != 1 || keys[0] != key {
			t.Fatalf("key %q came back as %q", key, keys)
		}
	})
}

func TestCutsFitAndKeepTheEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("abcdef/漢字é"))).Draw(t, "text")
		n := rapid.IntRange(0, 40).Draw(t, "columns")
		for what, got := range map[string]string{"cut": cut(s, n), "cutMiddle": cutMiddle(s, n)} {
			switch {
			case columns(got) > n:
				t.Fatalf("%s(%q, %d) = %q is too wide", what, s, n, got)
			case columns(s) <= n && got != s:
				t.Fatalf("%s(%q, %d) = %q cuts what fits", what, s, n, got)
			case n > 3 && columns(s) > n && !strings.Contains(got, "..."):
				t.Fatalf("%s(%q, %d) = %q hides that it was cut", what, s, n, got)
			}
		}
		if padded := pad(s, n); columns(padded) != max(n, columns(s)) {
			t.Fatalf("pad(%q, %d) has %d columns", s, n, columns(padded))
		}
		if padded := padLeft(s, n); columns(padded) != max(n, columns(s)) {
			t.Fatalf("padLeft(%q, %d) has %d columns", s, n, columns(padded))
		}
	})
}
