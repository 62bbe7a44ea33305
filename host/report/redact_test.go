// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var ada = Known{Homes: []string{"/home/ada"}, Users: []string{"ada", "Ada Lovelace"}, Hosts: []string{"gpu-box7.lab.corp-name.net"}, Secrets: []string{"correct-horse"}}

// text redacts one text, with everything that was learned so far.
func (r *Redactor) text(s string) string {
	r.learn("", s)
	return r.replace("", s)
}

func TestRedactText(t *testing.T) {
	for in, want := range map[string]string{
		// names
		"/home/ada/train and /home/grace/x": "/home/<user1>/train and /home/<user2>/x",
		"ada@gpu-box7:~$ as Ada":            "<user1>@<host1>:~$ as <user2>",
		"cuda, adapters and ada-models":     "cuda, adapters and <user1>-models",
		`C:\Users\Grace\AppData`:            `C:\Users\<user1>\AppData`,
		"run by Ada Lovelace":               "run by <user1>",
		"USER=hopper in /tmp/hopper-1":      "USER=<user1> in /tmp/<user1>-1",
		"/root/.cache and /home/ubuntu/x":   "/root/.cache and /home/ubuntu/x",
		"gpu-box7.lab.corp-name.net is up":  "<host1> is up",
		"node9.lab.corp-name.net too":       "node9.<host1> too",
		// addresses of machines
		"http://10.1.2.3:8000 and 10.1.2.4":            "http://192.0.2.1:8000 and 192.0.2.2",
		"127.0.0.1, 0.0.0.0 and 169.254.169.254":       "127.0.0.1, 0.0.0.0 and 169.254.169.254",
		"fe80::1c2d:3e4f:5a6b:7c8d, ::1 and std::move": "2001:db8::1, ::1 and std::move",
		"aa:bb:cc:0d:0e:0f":                            "02:00:00:00:00:01",
		"0000:01:00.0 at 12:34:56":                     "0000:01:00.0 at 12:34:56",
		"undefined symbol c10::add":                    "undefined symbol c10::add",
		"guid 0002:c903:00fe:1234":                     "guid 0200:0000:0000:0001",
		// versions are no addresses
		"nvidia-curand-cu12==10.3.5.147":                     "nvidia-curand-cu12==10.3.5.147",
		"nvidia_cublas_cu12-12.4.5.8.dist-info":              "nvidia_cublas_cu12-12.4.5.8.dist-info",
		"nvidia-cublas-cu12 12.4.5.8 or newer":               "nvidia-cublas-cu12 12.4.5.8 or newer",
		"libcudnn.so.8.9.7.29":                               "libcudnn.so.8.9.7.29",
		"driver 550.54.15 and torch 2.4.0+cu124":             "driver 550.54.15 and torch 2.4.0+cu124",
		"nvidia-curand-cu12==10.3.5.147, http://10.3.5.147/": "nvidia-curand-cu12==10.3.5.147, http://192.0.2.1/",
		// identifiers
		"GPU-3F2504E0-4f89-11d3-9a0c-0305e82c3301":             "GPU-00000001-0000-0000-0000-000000000000",
		"GPU-3f2504e0-4f89-11d3-9a0c-0305e82c3301 is GPU-3f25": "GPU-00000001-0000-0000-0000-000000000000 is GPU-00000001",
		"Serial Number: 1650921004711":                         "Serial Number: <serial1>",
		"mail ada.l@lab.example or getty@tty1.service":         "mail <email1> or getty@tty1.service",
		// secrets
		"https://ada:s3cr3tpass@pypi.corp-name.net/simple, then s3cr3tpass": "https://<secret1>@<host1>/simple, then <secret2>",
		"git+ssh://git@github.com/org/x":                                    "git+ssh://git@github.com/org/x",
		"HF_TOKEN=hf_abcdefghijklmnop1234":                                  "HF_TOKEN=<secret1>",
		"hf_abcdefghijklmnop1234":                                           "<secret1>",
		"HF_TOKEN_PATH=/run/secrets/hf":                                     "HF_TOKEN_PATH=/run/secrets/hf",
		"max_tokens=4096 use_auth_token=False":                              "max_tokens=4096 use_auth_token=False",
		"tokenizers==0.19.1":                                                "tokenizers==0.19.1",
		"Authorization: Bearer abcdefghijkl":                                "Authorization: Bearer <secret1>",
		"wget --password hunter22 x":                                        "wget --password <secret1> x",
		"token: permission denied":                                          "token: permission denied",
		`{"auth": "YWRhOnh4eHh4"}`:                                          `{"auth": "<secret1>"}`,
		"it is correct-horse":                                               "it is <secret1>",
		"https://pypi.org/simple sha256:0123456789abcdef":                   "https://pypi.org/simple sha256:0123456789abcdef",
		"": "",
	} {
		if got := NewRedactor(ada).text(in); got != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
	}
	key := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----"
	if got := NewRedactor(ada).text("a " + key + " b"); got != "a <secret1> b" {
		t.Errorf("a private key becomes %q", got)
	}
}

// privateFacts are facts of a machine that tells everything about its owner.
func privateFacts() Facts {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	return Facts{
		SchemaVersion: SchemaVersion, Tool: tool, Target: Target{Kind: TargetRoot, Path: "/home/ada/disk"}, CollectedAt: when,
		Facts: []fact.Fact{
			{Address: "disk[/home/ada].free_bytes", Value: raw("1234567890123456789"), Evidence: []fact.Evidence{{Call: "statfs", Value: "/home/ada"}}},
			{Address: "gpu.devices", Value: raw(`[{"uuid":"GPU-3f2504e0-4f89-11d3-9a0c-0305e82c3301","serial":"1650921004711","pci":"0000:01:00.0","ada":1.50}]`)},
			{Address: "gpu.env", Value: raw(`{"CUDA_VISIBLE_DEVICES":"GPU-3f2504e0","NCCL_SOCKET_IFNAME":"eth0"}`)},
			{Address: "os.hostname", Value: raw(`"gpu-box7"`)},
			{Address: "pip.index", Value: raw(`"https://ada:s3cr3tpass@pypi.corp-name.net/simple"`)},
			{Address: "python.env[/home/ada/my%5Dvenv].packages", Value: raw(`[{"name":"nvidia-curand-cu12","version":"10.3.5.147","path":"/home/ada/v/lib"},{"name":"torch","version":"2.4.0"}]`)},
			{Address: "python.env[/home/ada/my%5Dvenv].token", Unknown: "/home/ada/.cache/huggingface/token: permission denied"},
		},
		Diagnostics: []Diagnostic{{Severity: Warning, Summary: "ada is not in the group docker", Detail: "On gpu-box7 (10.20.30.40).", Path: []string{"ada"},
			Range: &Range{File: "/home/ada/bulkhead.hcl"}, Snippet: &Snippet{Code: `host = "gpu-box7"`}, Debug: "/home/ada/go/src"}},
	}
}

func TestRedactFacts(t *testing.T) {
	f := NewRedactor(ada).Facts(privateFacts())
	if !f.Redacted {
		t.Error("it does not say that it is redacted")
	}
	want := map[string]string{
		"disk[/home/<user1>].free_bytes": `1234567890123456789`,
		"gpu.devices":                    `[{"uuid":"GPU-00000001-0000-0000-0000-000000000000","serial":"<serial1>","pci":"0000:01:00.0","<user1>":1.50}]`,
		"gpu.env":                        `{"CUDA_VISIBLE_DEVICES":"GPU-00000001","NCCL_SOCKET_IFNAME":"eth0"}`,
		"os.hostname":                    `"<host1>"`,
		"pip.index":                      `"https://<secret1>@<host2>/simple"`,
		"python.env[/home/<user1>/my%5Dvenv].packages": `[{"name":"nvidia-curand-cu12","version":"10.3.5.147","path":"/home/<user1>/v/lib"},{"name":"torch","version":"2.4.0"}]`,
		"python.env[/home/<user1>/my%5Dvenv].token":    "",
	}
	for _, x := range f.Facts {
		if value, ok := want[x.Address]; !ok || value != string(x.Value) {
			t.Errorf("%s = %s, want %s", x.Address, x.Value, value)
		}
	}
	back, err := ReadSnapshot(bytes.NewReader(asJSON(t, f)))
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Facts) != len(privateFacts().Facts) || !back.Redacted {
		t.Errorf("read back: %+v", back)
	}
	if diff := cmp.Diff(privateFacts(), privateFacts()); diff != "" {
		t.Error(diff)
	}
}

func TestRedactLeavesItsArgumentAlone(t *testing.T) {
	d, f := judged(), privateFacts()
	d.Facts = privateFacts().Facts
	before := judged()
	before.Facts = privateFacts().Facts
	r := NewRedactor(ada)
	r.Doctor(d)
	r.Facts(f)
	if diff := cmp.Diff(before, d); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(privateFacts(), f); diff != "" {
		t.Error(diff)
	}
}

// TestRedactionIsIdempotent: what is redacted stays as it is.
func TestRedactionIsIdempotent(t *testing.T) {
	once := NewRedactor(ada).Facts(privateFacts())
	twice := NewRedactor(Known{}).Facts(once)
	if diff := cmp.Diff(once, twice); diff != "" {
		t.Error(diff)
	}
}

// TestRedactionTellsThingsApart: different values have different pseudonyms and
// the same value has one, across documents.
func TestRedactionTellsThingsApart(t *testing.T) {
	r := NewRedactor(Known{})
	if a, b, c := r.text("10.1.1.1"), r.text("10.1.1.2"), r.text("at 10.1.1.1"); a == b || c != "at "+a {
		t.Errorf("%s, %s, %s", a, b, c)
	}
	seen := map[string]bool{}
	for _, kind := range []string{"uuid", "mac", "guid", "ipv4", "ipv6", "user"} {
		for n := 1; n < 3000; n++ {
			name := shapeOf(kind, n)
			if seen[name] {
				t.Fatalf("%s stands for two", name)
			}
			seen[name] = true
		}
	}
}

// TestRedactionKeepsTheContract: codes, areas and the structure stay.
func TestRedactionKeepsTheContract(t *testing.T) {
	known := Known{Users: []string{"gpu", "torch", "driver-missing", "Dockerfile"}, Hosts: []string{"docker", "gpu-missing"}}
	d, got := judged(), NewRedactor(known).Doctor(judged())
	for i, f := range got.Findings {
		if f.Code != d.Findings[i].Code || f.Area != d.Findings[i].Area || f.Severity != d.Findings[i].Severity || !slices.Equal(f.Explains, d.Findings[i].Explains) {
			t.Errorf("%+v became %+v", d.Findings[i], f)
		}
		if cause, ok := got.finding(f.RootCause); f.RootCause != "" && (!ok || cause.Code != "gpu.driver-missing") {
			t.Errorf("%s has lost its root cause %q", f.ID, f.RootCause)
		}
	}
	if err := validate(t, compiled(t, "doctor"), asJSON(t, got)); err != nil {
		t.Error(err)
	}
}

// secretsOf draws the secrets of a machine.
var (
	someUser = rapid.StringMatching(`[b-df-hj-np-tv-z]{2}[0-9][a-z]{3,8}`)
	someHost = rapid.StringMatching(`[b-df-hj-np-tv-z]{3}-[0-9]{2}[a-z]{2,5}`)
	someUUID = rapid.StringMatching(`[1-9a-f][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[1-9a-f][0-9a-f]{11}`)
	someMAC  = rapid.StringMatching(`[4-9a-f][0-9a-f](:[0-9a-f][1-9a-f]){5}`)
	someIP   = rapid.StringMatching(`10\.[1-9][0-9]\.[1-9][0-9]\.[1-9][0-9]`)
	someKey  = rapid.StringMatching(`hf_[a-z]{10}[0-9]{8}[A-Z]{4}`)
)

// TestNoSecretRemainsInAnyFormat hides secrets everywhere in a diagnosis and
// looks for them in every format.
func TestNoSecretRemainsInAnyFormat(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		user, host := someUser.Draw(rt, "user"), someHost.Draw(rt, "host")
		id, mac, ip, token := someUUID.Draw(rt, "uuid"), someMAC.Draw(rt, "mac"), someIP.Draw(rt, "ip"), someKey.Draw(rt, "token")
		secrets := []string{user, host, id, mac, ip, token}
		spot := rapid.SampledFrom([]string{
			"/home/" + user + "/x", user + " on " + host, "GPU-" + id, "link " + mac, "http://" + ip + ":80/", "(" + ip + ")", "HF_TOKEN=" + token, "https://" + user + ":" + token + "@" + host + "/s", token,
		})
		r := NewRedactor(Known{Homes: []string{"/home/" + user}, Users: []string{user}, Hosts: []string{host}})
		d := planted(someDoctor.Draw(rt, "doctor"), func() string { return spot.Draw(rt, "spot") })
		redacted := r.Doctor(d)
		for _, format := range redacted.Formats() {
			leaks(rt, format, written(rt, redacted, format, Options{Verbose: true, Debug: true, Width: 4000}), secrets)
		}
		f := Facts{Tool: tool, CollectedAt: when, Facts: planted(Doctor{}, func() string { return spot.Draw(rt, "spot") }).Facts}
		f = r.Facts(f)
		for _, format := range f.Formats() {
			leaks(rt, "facts "+format, written(rt, f, format, Options{Verbose: true, Width: 4000}), secrets)
		}
	})
}

func leaks(t judge, where, text string, secrets []string) {
	t.Helper()
	for _, s := range secrets {
		if i := strings.Index(strings.ToLower(text), strings.ToLower(s)); i >= 0 {
			t.Errorf("%s tells %q: %q", where, s, text[max(0, i-60):min(len(text), i+60)])
		}
	}
}

// planted puts text into every string of a diagnosis that comes from outside.
func planted(d Doctor, text func() string) Doctor {
	d.Findings = append(d.Findings, Finding{ID: "a.b[" + text() + "]", Code: "a.b", Area: "a", Severity: Error, Evidence: []fact.Evidence{{Path: text(), Value: text()}}, Remedies: []Remedy{{Summary: text(), Preview: []string{text()}}}, Verify: []string{text()}, Waived: &Waiver{Until: "2027-01-31", Reason: text(), By: text()}})
	d.RootCauses = append(d.RootCauses, RootCause{ID: d.Findings[len(d.Findings)-1].ID, Code: "a.b", Severity: Error})
	d.Skipped = append(d.Skipped, Skip{Code: "a.c", Subject: text(), Reason: text()})
	d.Diagnostics = append(d.Diagnostics, Diagnostic{Severity: Error, Summary: text(), Detail: text(), Debug: text(), Range: &Range{File: text()}, Snippet: &Snippet{Code: text(), Context: text()}})
	d.Plugins = append(d.Plugins, Plugin{Name: "p", Version: "1", Sandbox: Sandbox{Level: "full", Fallen: []string{text()}, Skipped: []string{text()}, Refused: []Refusal{{What: text(), Count: 1}}, Walls: []Wall{{Name: "w", Detail: text()}}}})
	d = rewriteDoctor(d, func(key, s string) string {
		if key == "path" && s == "" {
			return s
		}
		return s + " " + text()
	})
	d.Facts = append(d.Facts, fact.Fact{Address: fact.At("x.y", text(), "z"), Value: json.RawMessage(fmt.Sprintf(`{%q:[%q,1.0]}`, text(), text())), Evidence: []fact.Evidence{{Value: text()}}})
	return d
}

// TestEveryStringIsRedacted holds the walk to the structs: a string that it
// forgets is one of those listed here.
func TestEveryStringIsRedacted(t *testing.T) {
	d := judged()
	d.Facts, d.Target.Path = privateFacts().Facts, "/p"
	d.Diagnostics = privateFacts().Diagnostics
	d.Plugins[0].Sandbox.Refused[0].What = "x"
	marked := rewriteDoctor(d, func(_, s string) string { return s + "\u2620" })
	kept := regexp.MustCompile(`^(SchemaVersion|Tool\.\w+|Target\.(Kind|OS|Arch)|Summary\.Worst|Areas\.(Name|Status)|RootCauses\.(Code|Severity|ID)|Findings\.(ID|Code|Area|Severity|Explains|RootCause|Plugin|Waived\.(Name|Until)|Remedies\.(ID|Kind|Risk))|` +
		`RootCauses\.Explains|Skipped\.Code|Checks\.\w+|Plugins\.(Name|Version|Digest|Sandbox\.(Level|Profile|Walls\.Name))|Diagnostics\.(Severity|Plugin)|\w+(\.\w+)*\.Fact|Facts\.Address)$`)
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			if v.Type().PkgPath() == "time" {
				return
			}
			for f, fv := range v.Fields() {
				walk(strings.TrimPrefix(path+"."+f.Name, "."), fv)
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				return
			}
			for i := range v.Len() {
				walk(path, v.Index(i))
			}
		case reflect.Pointer:
			if !v.IsNil() {
				walk(path, v.Elem())
			}
		case reflect.String:
			if s := v.String(); !strings.Contains(s, "\u2620") && !kept.MatchString(path) {
				t.Errorf("%s is not redacted: %q", path, s)
			}
		}
	}
	walk("", reflect.ValueOf(marked))
}

// FuzzRedact: any text is redacted without a crash, and no known name stays.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{"/home/ada/x", "https://a:b@c/", "GPU-3f2504e0", "1.2.3.4", "::1", "HF_TOKEN=hf_x", `{"a":"\u0000"}`, "\xff\xfe", "zq7user zq7userx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := NewRedactor(Known{Users: []string{"zq7user"}, Secrets: []string{"zq7-secret"}})
		out := r.text(s)
		if strings.Contains(out, "zq7-secret") {
			t.Errorf("%q keeps the secret in %q", s, out)
		}
		if again := r.text(out); again != out {
			t.Errorf("%q becomes %q, then %q", s, out, again)
		}
		raw, err := json.Marshal(map[string]any{s: []string{s}})
		if err != nil {
			t.Fatal(err)
		}
		x := r.Facts(Facts{Facts: []fact.Fact{{Address: fact.At("a", "k"+s, "b"), Value: raw}}}).Facts[0]
		if !json.Valid(x.Value) {
			t.Errorf("%q becomes %q", raw, x.Value)
		}
	})
}
