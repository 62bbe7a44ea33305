// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

func TestRedactor(t *testing.T) {
	secrets := []sandbox.Secret{
		{Name: "token", Value: "hf_abc"}, {Name: "longer", Value: "hf_abcdef\n"}, {Name: "pin", Value: "12"}, {Name: "key", Value: "-----BEGIN\nMIIxyz\n"},
	}
	redact := redactor(secrets, func(text string) string { return strings.ReplaceAll(text, "home", "~") })
	for in, want := range map[string]string{
		"no secret here":      "no secret here",
		"t=hf_abc, u=hf_abcd": "t=(secret), u=(secret)d",
		"hf_abcdef":           "(secret)",
		"12 o'clock at home":  "12 o'clock at ~",
		"a MIIxyz b":          "a (secret) b",
	} {
		if got := redact(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// No text of a plugin that is kept or shown holds a secret, however it is written.
func TestSecretsStayOut(t *testing.T) {
	const secret = `p"ss\word`
	sink, out := sinkOf()
	sink.redact = redactor([]sandbox.Secret{{Name: "s", Value: secret}}, nil)
	quoted, err := json.Marshal(map[string]string{"@level": "error", "@message": "login with " + secret, "field": secret})
	if err != nil {
		t.Fatal(err)
	}
	sink.pump(strings.NewReader("plain " + secret + "\n" + string(quoted) + "\npanic: " + secret + "\n" + strings.Repeat("x", tailLine-len(secret)/2) + secret + "\n"))
	c := sink.lastCrash()
	for _, text := range []string{out.String(), strings.Join(sink.lastLines(), "\n"), c.headline, c.text} {
		if strings.Contains(text, secret) || strings.Contains(text, `p\"ss`) || strings.Contains(text, secret[:5]) {
			t.Errorf("a secret is in %q", text)
		}
	}
	if !strings.Contains(out.String(), "login with (secret)") || !strings.Contains(c.headline, "(secret)") {
		t.Errorf("log %q, headline %q", out, c.headline)
	}
}

// A line that is too long is cut while it is read, and perhaps within a secret.
func TestHalfOfASecretStaysOut(t *testing.T) {
	const secret = "hf_s3cr3tvalue"
	for n := range len(secret) + 1 {
		sink, out := sinkOf()
		sink.redact = redactor([]sandbox.Secret{{Name: "s", Value: secret}, {Name: "t", Value: "3tvalu&more"}}, nil)
		sink.pump(strings.NewReader(strings.Repeat("x", maxLine-n) + secret + "\n"))
		if n > 0 && strings.Contains(out.String(), "xhf") || strings.Contains(out.String(), "xh\"") {
			t.Errorf("%d bytes are shown: %q", n, out.String()[max(0, out.Len()-40):])
		}
	}
}

// The host's own hook sees the text as it was, so that secrets that overlap do
// not hide each other.
func TestHookComesFirst(t *testing.T) {
	redact := redactor([]sandbox.Secret{{Name: "a", Value: "abcdef"}}, func(text string) string { return strings.ReplaceAll(text, "abcdefghi", "-") })
	if got := redact("abcdefghi abcdef"); got != "- (secret)" {
		t.Errorf("%q", got)
	}
}
