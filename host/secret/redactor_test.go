// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/secret"
)

// awkward changes under every encoding.
const awkward = "p&ss w/rd+<\"é\t>="

func TestEveryFormOfAValueIsReplaced(t *testing.T) {
	r := secret.New(map[string]string{"db": awkward})
	encoded, _ := json.Marshal(map[string]string{"k": awkward})
	var plainJSON bytes.Buffer
	encoder := json.NewEncoder(&plainJSON)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(awkward); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain":         awkward,
		"query":         "https://h/?p=" + url.QueryEscape(awkward) + "&x=1",
		"path":          "https://h/" + url.PathEscape(awkward) + "/x",
		"lower escapes": strings.ReplaceAll(url.QueryEscape(awkward), "%2F", "%2f"),
		"Go":            fmt.Sprintf("%q", awkward),
		"Go ASCII":      fmt.Sprintf("%+q", awkward),
		"JSON":          string(encoded),
		"plain JSON":    plainJSON.String(),
		"hex":           hex.EncodeToString([]byte(awkward)),
		"HEX":           fmt.Sprintf("%X", awkward),
		"base64":        base64.StdEncoding.EncodeToString([]byte(awkward)),
		"base64 raw":    base64.RawStdEncoding.EncodeToString([]byte(awkward)),
		"base64 URL":    base64.URLEncoding.EncodeToString([]byte(awkward)),
	} {
		if name == "lower escapes" {
			text = lower(url.QueryEscape(awkward))
		}
		if got := r.Line(text); !strings.Contains(got, "[secret db]") {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
}

func lower(escaped string) string {
	var out strings.Builder
	for i := 0; i < len(escaped); i++ {
		if escaped[i] == '%' {
			out.WriteString(strings.ToLower(escaped[i : i+3]))
			i += 2
			continue
		}
		out.WriteByte(escaped[i])
	}
	return out.String()
}

func TestLines(t *testing.T) {
	r := secret.New(map[string]string{
		"token": "hf_abcdef", "long": "hf_abcdefghij", "tail": "ghijklmn", "own": "abcabc", "short": "12345",
		"pem": "-----BEGIN KEY-----\nMIIEvQIBADAN\r\nBgkqhkiG9w0B\n-----END KEY-----\n",
	})
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "no secrets here, hf_abcde", "no secrets here, hf_abcde"},
		{"empty", "", ""},
		{"alone", "hf_abcdef", "[secret token]"},
		{"twice", "hf_abcdef, hf_abcdef", "[secret token], [secret token]"},
		{"one in the other", "hf_abcdefghij.", "[secret long, token]."},
		{"overlapping", "hf_abcdefghijklmn", "[secret long, token, tail]"},
		{"over itself", "xabcabcabcx", "x[secret own]x"},
		{"short ones stay", "12345", "12345"},
		{"a line of many", "key MIIEvQIBADAN", "key [secret pem]"},
		{"frames stay", "-----BEGIN KEY-----", "-----BEGIN KEY-----"},
	} {
		if got := r.Line(c.in); got != c.want {
			t.Errorf("%s: Line(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
	}
	if got := r.TooShort(); !slices.Equal(got, []string{"short"}) {
		t.Errorf("TooShort = %q", got)
	}
}

// A value inside a longer encoded text stands at any alignment; of its characters
// at most one at each end mixes with its neighbours.
func TestBase64AtEveryAlignment(t *testing.T) {
	for _, value := range []string{"secret", "s3cr3t!", "s3cr3t!!", "a much longer token 123"} {
		r := secret.New(map[string]string{"t": value})
		for before := range 5 {
			for after := range 5 {
				text := strings.Repeat("u", before) + value + strings.Repeat("v", after)
				got := r.Line("Basic " + base64.StdEncoding.EncodeToString([]byte(text)))
				if !strings.Contains(got, "[secret t]") {
					t.Errorf("%q with %d before and %d after became %q", value, before, after, got)
				}
			}
		}
	}
}

func TestWithoutSecretsNothingChanges(t *testing.T) {
	var none *secret.Redactor
	for _, r := range []*secret.Redactor{none, secret.New(nil)} {
		if got := r.Line("text"); got != "text" || r.TooShort() != nil {
			t.Errorf("Line = %q, TooShort = %q", got, r.TooShort())
		}
		var out bytes.Buffer
		w := r.Writer(&out)
		_, _ = io.WriteString(w, "a\nb")
		if err := w.Close(); err != nil || out.String() != "a\nb" {
			t.Errorf("writer passed %q, %v", out.String(), err)
		}
	}
}

// However a text is cut into writes, no secret shows, and all else comes through.
func TestWriterFindsSecretsAcrossWrites(t *testing.T) {
	r := secret.New(map[string]string{"t": "topsecret"})
	text := "one topsecret two\ntopsecrettopsecret\nrest topsecret"
	want := "one [secret t] two\n[secret t]\nrest [secret t]"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := r.Writer(&out)
		for part := range slices.Chunk([]byte(text), size) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("writes of %d bytes gave %q, want %q", size, out.String(), want)
		}
	}
}

func TestWriterPassesLinesAtOnce(t *testing.T) {
	var out bytes.Buffer
	w := secret.New(map[string]string{"t": "topsecret"}).Writer(&out)
	_, _ = io.WriteString(w, "complete\ntopsec")
	if out.String() != "complete\n" {
		t.Errorf("passed on %q, want the complete line alone", out.String())
	}
}

// A line without an end is passed on in parts, and a secret at any cut stays hidden.
func TestWriterBoundsWhatItHolds(t *testing.T) {
	r := secret.New(map[string]string{"t": "topsecret"})
	var out bytes.Buffer
	w := r.Writer(&out)
	line := strings.Repeat("x", 1000) + "topsecret" + strings.Repeat("y", 7)
	for range 1000 {
		_, _ = io.WriteString(w, line)
	}
	if held := 1000*len(line) - out.Len(); held > 200_000 {
		t.Errorf("%d bytes are held back", held)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "[secret t]"); got != 1000 || strings.Contains(out.String(), "topsecret") {
		t.Errorf("%d of 1000 secrets were replaced", got)
	}
	if got := strings.Count(out.String(), "x") + strings.Count(out.String(), "y"); got != 1007*1000 {
		t.Errorf("%d other bytes came through, want %d", got, 1007*1000)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriterReportsErrors(t *testing.T) {
	w := secret.New(nil).Writer(brokenWriter{})
	if _, err := io.WriteString(w, "a\n"); !errors.Is(err, errBroken) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close: %v", err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("token", "a token here", "b")
	f.Add(awkward, awkward+awkward, "\n")
	f.Fuzz(func(t *testing.T, value, text, rest string) {
		r := secret.New(map[string]string{"n": value})
		got := r.Line(text + value + rest)
		// The value may be a part of the label, or arise from a label and its neighbours.
		if len(value) >= secret.MinBytes && !strings.Contains(got, "[secret n]") {
			t.Errorf("%q came through in %q", value, got)
		}
		if again := r.Line(text); !strings.Contains(text, "[") && !strings.Contains(again, "[secret n]") && again != text {
			t.Errorf("%q became %q", text, again)
		}
	})
}

func BenchmarkLine(b *testing.B) {
	secrets := map[string]string{}
	for i := range 8 {
		secrets[fmt.Sprint("name", i)] = strings.Repeat(string(rune('a'+i)), 40)
	}
	r := secret.New(secrets)
	line := strings.Repeat("an ordinary line of a log ", 8)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		_ = r.Line(line)
	}
}

// Programs strip the space around a token that came with some.
func TestSpaceAroundAValue(t *testing.T) {
	r := secret.New(map[string]string{"t": " hf_abcdef \n", "u": "\ttoken-two\r\n\ttoken-three"})
	for _, text := range []string{"hf_abcdef", "token-two", "token-three", hex.EncodeToString([]byte("hf_abcdef"))} {
		if got := r.Line("a " + text + " b"); strings.Contains(got, text) {
			t.Errorf("%q became %q", text, got)
		}
	}
}
