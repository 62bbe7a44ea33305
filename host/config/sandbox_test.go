// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const enclosed = `
variable "memory" {
  default = "1GiB"
}
sandbox {
  require = "full"
  runtime = "runsc"
  limits {
    memory       = var.memory
    group_memory = "2GB"
    cpu_time     = "60s"
    cpus         = 1.5
    processes    = 64
    open_files   = 256
    scratch      = "16MiB"
    file_size    = "32MiB"
    log_bytes    = "1MiB"
    log_rate     = "64KiB"
    message      = "16MiB"
    call_timeout = "45s"
    life_time    = "1h"
  }
}
plugin "hub" {
  source = "./hub"
  grants = ["~/data/churn", "net huggingface.co:443"]
  sandbox {
    require = "full+quota"
    strict  = true
    limits {
      memory       = "4GiB"
      call_timeout = "5m"
    }
  }
  secret "hf_token" {
    env = "HF_TOKEN"
  }
  secret "key" {
    file = "key.txt"
  }
}
plugin "gpu" {
  source = "builtin/gpu"
}
`

func TestSandbox(t *testing.T) {
	cfg := mustLoad(t, enclosed)
	all := Limits{
		Memory: 1 << 30, GroupMemory: 2e9, CPUTime: time.Minute, CPUs: 1.5, Processes: 64, OpenFiles: 256, Scratch: 16 << 20, FileSize: 32 << 20,
		LogBytes: 1 << 20, LogRate: 64 << 10, Message: 16 << 20, CallTimeout: 45 * time.Second, LifeTime: time.Hour,
	}
	if s := cfg.Sandbox; s.Require != "full" || s.Strict || s.Runtime != "runsc" || s.Limits != all || s.Range.IsZero() || s.RequireRange.Start.Line != 6 {
		t.Errorf("%+v", s)
	}
	if cfg.Host.Timeout != 45*time.Second || cfg.Plugins[0].Timeout != 5*time.Minute || cfg.Plugins[1].Timeout != 0 {
		t.Errorf("deadlines %v, %v, %v", cfg.Host.Timeout, cfg.Plugins[0].Timeout, cfg.Plugins[1].Timeout)
	}
	own := all
	own.Memory, own.CallTimeout = 4<<30, 5*time.Minute
	if s := cfg.SandboxOf("hub"); s.Require != "full+quota" || !s.Strict || s.Runtime != "runsc" || s.Limits != own || s.RequireRange.Start.Line != 28 {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{"gpu", "unheard-of"} {
		if s := cfg.SandboxOf(name); s != cfg.Sandbox {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := (*Config)(nil).SandboxOf("gpu"); s != (Sandbox{}) {
		t.Errorf("without a configuration: %+v", s)
	}
	if p := cfg.Plugins[0]; len(p.GrantRanges) != 2 || p.GrantRanges[1].Start.Line != 26 || p.GrantRanges[1].Start.Column != 29 {
		t.Errorf("%v", p.GrantRanges)
	}
}

func TestSandboxDefaults(t *testing.T) {
	for _, text := range []string{"", "sandbox {\n}\n", "sandbox {\n  limits {\n  }\n}\n"} {
		cfg := mustLoad(t, text+"plugin \"gpu\" {\n  source = \"builtin/gpu\"\n}\n")
		s := cfg.SandboxOf("gpu")
		s.Range = Range{}
		if s != (Sandbox{}) || cfg.Plugins[0].Sandbox != nil || cfg.Host.Timeout != time.Minute {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func TestSandboxInJSON(t *testing.T) {
	text := `{"sandbox": {"require": "full", "limits": {"memory": "1GiB"}},
	  "plugin": {"hub": {"source": "./hub", "grants": ["~/data"], "sandbox": {"strict": true}, "secret": {"a": {"env": "A"}}}}}`
	cfg, diags, _ := load(t, map[string]string{"bulkhead.hcl.json": text}, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	if s := cfg.SandboxOf("hub"); s.Require != "full" || !s.Strict || s.Limits.Memory != 1<<30 || cfg.Plugins[0].Secrets[0].Env != "A" {
		t.Errorf("%+v", cfg.Plugins[0])
	}
	_, diags, _ = load(t, map[string]string{"bulkhead.hcl.json": `{"host": {"sandbox": "weak"}}`}, LoadOptions{})
	if err := diags.Err(); err == nil || !strings.Contains(err.Error(), `require = "weak"`) {
		t.Errorf("the old setting in JSON: %v", err)
	}
}

func TestWeaker(t *testing.T) {
	for _, tt := range []struct {
		level, other string
		want         bool
	}{
		{"weak", "full", true}, {"full", "weak", false}, {"full", "full", false}, {"full", "", false}, {"", "full", false}, {"none", "partial", true},
	} {
		if got := Weaker(tt.level, tt.other); got != tt.want {
			t.Errorf("%q weaker than %q: %v", tt.level, tt.other, got)
		}
	}
	if slices.Index(SandboxLevels, "none") != len(SandboxLevels)-1 {
		t.Errorf("%v", SandboxLevels)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]uint64{
		"1B": 1, "512MiB": 512 << 20, "1GB": 1e9, "1.5GiB": 3 << 29, "16 KiB": 16 << 10, "2TiB": 2 << 40, "1kB": 0, "": 0, "512": 0, "1.5": 0, "-1MiB": 0,
		"1e3MiB": 0, "0MiB": 0, "0.3B": 0, "9999PiB": 0, "MiB": 0, "1MiB2": 0, "1 000MB": 0, "１MiB": 0, "Inf": 0, "0x10MiB": 0,
	} {
		got, err := ParseSize(text)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"512MiB", "1.5GB", "16", "999999999999999PiB", "0.000000001KB", "1 B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseSize(text)
		if err != nil {
			return
		}
		exact, parseErr := parseBytes(text)
		if parseErr != nil || n == 0 || n > maxSize || exact.Cmp(new(big.Float).SetUint64(n)) != 0 {
			t.Fatalf("%q is %d, %v", text, n, exact)
		}
	})
}

func TestSecrets(t *testing.T) {
	cfg, diags, dir := load(t, map[string]string{"bulkhead.hcl": enclosed, "key.txt": "from a file\r\n"}, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		return map[string]string{"HF_TOKEN": "hf_abc"}[name], name == "HF_TOKEN"
	}
	p := cfg.Plugins[0]
	for name, want := range map[string]string{"hf_token": "hf_abc", "key": "from a file"} {
		source, ok := p.Secret(name)
		value, err := source.Read(env)
		if !ok || err != nil || value.Reveal() != want {
			t.Errorf("%s: %q, %v", name, value.Reveal(), err)
		}
	}
	if _, ok := p.Secret("other"); ok {
		t.Error("a secret that nobody declared")
	}
	none := func(string) (string, bool) { return "", false }
	source, _ := p.Secret("hf_token")
	if _, err := source.Read(none); err == nil || !strings.Contains(err.Error(), "bulkhead.hcl:35,3") || !strings.Contains(err.Error(), "HF_TOKEN is not set") {
		t.Errorf("%v", err)
	}
	checkSecretFiles(t, p, dir)
}

func checkSecretFiles(t *testing.T, p *Plugin, dir string) {
	t.Helper()
	source, _ := p.Secret("key")
	name := filepath.Join(dir, "key.txt")
	for text, want := range map[string]string{"\n": "is empty", strings.Repeat("x", 64<<10+1): "larger than"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := source.Read(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Read(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Read(nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}

// A secret shows itself to nobody who prints it.
func TestSecretValuesStayHidden(t *testing.T) {
	v := SecretValue{"s3cr3t"}
	data, err := json.Marshal(map[string]any{"a": v, "b": &v})
	if err != nil {
		t.Fatal(err)
	}
	all := string(data) + fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, []SecretValue{v}) + fmt.Sprint(struct{ V SecretValue }{v})
	if strings.Contains(all, "s3cr3t") {
		t.Errorf("%s", all)
	}
	if diff := cmp.Diff("s3cr3t", v.Reveal()); diff != "" {
		t.Error(diff)
	}
}
