// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

const telemetryText = `
variable "key" {
  type      = string
  sensitive = true
  default   = "hush"
}
telemetry {
  otlp       = "https://collector.example.org:4318/base"
  headers    = { "X-Team" = "vision", "x-key" = var.key }
  prometheus = "127.0.0.1:9464"
  lineage    = "events/lineage.jsonl"

  header "Authorization" {
    env = "OTLP_TOKEN"
  }
  header "x-file" {
    file = "token"
  }
}
`

func TestTelemetry(t *testing.T) {
	cfg, diags, dir := load(t, map[string]string{"bulkhead.hcl": telemetryText, "token": "from a file\n"}, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	tel := cfg.Telemetry
	if tel.OTLP != "https://collector.example.org:4318/base" || tel.Prometheus != "127.0.0.1:9464" || tel.Lineage.URL != "" ||
		tel.Lineage.File.Absolute != filepath.Join(dir, "events/lineage.jsonl") {
		t.Errorf("telemetry = %+v", tel)
	}
	headers, err := tel.Headers(func(name string) (string, bool) { return "Bearer x", name == "OTLP_TOKEN" })
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"authorization": "Bearer x", "x-file": "from a file", "x-key": "hush", "x-team": "vision"}
	if len(headers) != len(values) {
		t.Errorf("headers = %v", headers)
	}
	for name, want := range values {
		if got := headers[name].Reveal(); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	raw, _ := json.Marshal(headers)
	if shown := fmt.Sprintf("%v %+v %#v %s", headers, tel, headers, raw); strings.Contains(shown, "hush") || strings.Contains(shown, "Bearer") {
		t.Errorf("a header shows itself: %s", shown)
	}
}

func TestTelemetryLineageAddress(t *testing.T) {
	tel := mustLoad(t, "telemetry {\n  lineage = \"http://localhost:5000/api/v1/lineage\"\n}\n").Telemetry
	if tel.Lineage == nil || tel.Lineage.URL != "http://localhost:5000/api/v1/lineage" || tel.Lineage.File != (Path{}) {
		t.Errorf("lineage = %+v", tel.Lineage)
	}
	if mustLoad(t, "").Telemetry != nil {
		t.Error("telemetry without a block")
	}
}

func TestTelemetryHeaderMissing(t *testing.T) {
	cfg, _, _ := load(t, map[string]string{"bulkhead.hcl": telemetryText, "token": "x"}, LoadOptions{})
	tests := map[string]func(string) (string, bool){
		"OTLP_TOKEN is not set": func(string) (string, bool) { return "", false },
		"no header may hold":    func(string) (string, bool) { return "a\r\nHost: evil", true },
		"is empty":              func(string) (string, bool) { return "", true },
	}
	for want, lookup := range tests {
		if _, err := cfg.Telemetry.Headers(lookup); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}
