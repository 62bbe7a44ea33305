// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/policy"
)

// logKey is a key of the log of plugins.example.
func logKey(t testing.TB, seed byte) string {
	t.Helper()
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	text, err := note.NewEd25519VerifierKey("plugins.example", k.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// through writes a policy into a root and reads it again by way of go-tuf's JSON,
// with a change to the member in between.
func through(t testing.TB, p policy.Policy, change func(member map[string]any)) (policy.Policy, error) {
	t.Helper()
	root := metadata.Root()
	p.Write(&root.Signed)
	if change != nil {
		change(root.Signed.UnrecognizedFields[policy.Field].(map[string]any))
	}
	data, err := root.ToBytes(false)
	if err != nil {
		t.Fatal(err)
	}
	again, err := metadata.Root().FromBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Read(&again.Signed)
}

func TestPolicySurvives(t *testing.T) {
	first := policy.Policy{Name: "plugins.example", LogKey: logKey(t, 0), Expiry: policy.DefaultExpiry()}
	second, err := first.WithLogKey(logKey(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Follows(first); err != nil {
		t.Error(err)
	}
	for _, want := range []policy.Policy{first, second} {
		got, err := through(t, want, nil)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	now, former, err := second.Verifiers()
	if err != nil || now.Name() != "plugins.example" || len(former) != 1 || former[0].KeyHash() == now.KeyHash() {
		t.Error(now, former, err)
	}
}

func TestReadRefuses(t *testing.T) {
	p := policy.Policy{Name: "plugins.example", LogKey: logKey(t, 0), FormerLogs: []string{logKey(t, 1)}, Expiry: policy.DefaultExpiry()}
	other := strings.Replace(logKey(t, 2), "plugins.example", "plugins.other", 1)
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"no key":                 {func(m map[string]any) { delete(m, "log") }, "no good log key"},
		"a key of another name":  {func(m map[string]any) { m["log"] = other }, "no good log key"},
		"a former key's name":    {func(m map[string]any) { m["former_logs"] = []any{other} }, "no good log key"},
		"a former key that is 1": {func(m map[string]any) { m["former_logs"] = []any{1} }, "no good log key"},
		"former keys as text":    {func(m map[string]any) { m["former_logs"] = "a" }, "no good list"},
		"a key twice":            {func(m map[string]any) { m["former_logs"] = []any{m["log"]} }, "twice"},
		"many keys":              {func(m map[string]any) { m["former_logs"] = make([]any, policy.MaxFormerLogs+1) }, "no good list"},
		"no expiry":              {func(m map[string]any) { delete(m, "expiry") }, "no good expiry of root"},
		"an expiry of 0":         {func(m map[string]any) { m["expiry"].(map[string]any)["snapshot"] = "0s" }, "role snapshot"},
		"a number as expiry":     {func(m map[string]any) { m["expiry"].(map[string]any)["targets"] = 3 }, "no good expiry of targets"},
	} {
		if _, err := through(t, p, c.change); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	root := metadata.Root()
	if _, err := policy.Read(&root.Signed); !errors.Is(err, policy.ErrNone) {
		t.Error(err)
	}
	root.Signed.UnrecognizedFields = map[string]any{policy.Field: "text"}
	if _, err := policy.Read(&root.Signed); err == nil || errors.Is(err, policy.ErrNone) {
		t.Errorf("a member that is no object: %v", err)
	}
}

func TestLogKeysAreBounded(t *testing.T) {
	p := policy.Policy{Name: "plugins.example", LogKey: logKey(t, 0), Expiry: policy.DefaultExpiry()}
	if _, err := p.WithLogKey(p.LogKey); err == nil {
		t.Error("the key of the log replaces itself")
	}
	var err error
	n := 0
	for err == nil && n < 200 {
		n++
		p, err = p.WithLogKey(logKey(t, byte(n)))
	}
	if n != policy.MaxFormerLogs+1 {
		t.Errorf("%d keys, %v", n, err)
	}
}

func TestExpiryIsBounded(t *testing.T) {
	want := policy.DefaultExpiry()
	want.Timestamp = time.Hour
	if got, err := (policy.Expiry{Timestamp: time.Hour}).Fill(policy.DefaultExpiry()); got != want || err != nil {
		t.Error(got, err)
	}
	for _, bad := range []time.Duration{-time.Hour, time.Second, policy.MaxExpiry + time.Second, time.Hour + time.Millisecond} {
		if _, err := (policy.Expiry{Snapshot: bad}).Fill(policy.DefaultExpiry()); err == nil || !strings.Contains(err.Error(), "role snapshot") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// FuzzRead: the member is what a root's keys signed, and may still be anything.
func FuzzRead(f *testing.F) {
	p := policy.Policy{Name: "plugins.example", LogKey: logKey(f, 0), FormerLogs: []string{logKey(f, 1)}, Expiry: policy.DefaultExpiry()}
	root := metadata.Root()
	p.Write(&root.Signed)
	seed, err := json.Marshal(root.Signed.UnrecognizedFields[policy.Field])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"former_logs":[null],"expiry":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var member any
		if json.Unmarshal(data, &member) != nil {
			return
		}
		got, err := policy.Read(&metadata.RootType{UnrecognizedFields: map[string]any{policy.Field: member}})
		if err != nil {
			return
		}
		if again, err := through(t, got, nil); err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%+v is read as %+v, %v", got, again, err)
		}
	})
}
