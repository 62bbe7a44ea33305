// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
	"github.com/bulkhead-ml/bulkhead/sdk/secret"
)

// What follows up to the tests stands in docs/plugin-authors.md.

var bootCollector = fact.Collector{
	Name: "boot", Summary: "How the machine was started.",
	Facts: []fact.Description{
		{Address: "boot.command_line", Summary: "command line of the kernel", Type: "string"},
	},
	Collect: func(_ context.Context, target *fact.Target, record *fact.Recorder) error {
		const name = "/proc/cmdline"
		data, err := target.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // no such thing here, so no fact
		case err != nil:
			record.Unknown("boot.command_line", err.Error(), fact.File(name, 0, ""))
		default:
			line := strings.TrimSpace(string(data))
			record.Add("boot.command_line", line, fact.File(name, 1, line))
		}
		return nil
	},
}

type limits struct {
	Least   float64 `json:"least" default:"0.5" min:"0" max:"1" doc:"Share of rows that must be whole."`
	OnError string  `json:"on_error" default:"stop" one_of:"stop|warn" doc:"What to do below it."`
}

func models(ctx context.Context) (*http.Response, error) {
	token, err := secret.Get("hf_token") // a value that the configuration names
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://huggingface.co/api/models", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return network.Client().Do(request) // through the host
}

// Without the grants the guide's request says which are missing.
func TestTheGuidesRequest(t *testing.T) {
	response, err := models(t.Context())
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, secret.ErrNotGranted) || !strings.Contains(err.Error(), "hf_token") {
		t.Errorf("got %v", err)
	}
}

func TestTheGuidesCollector(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "proc"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "proc", "cmdline"), []byte("ro quiet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	facts, diags := fact.Observe(t.Context(), &fact.Target{Root: dir}, bootCollector)
	if len(facts) != 1 || string(facts[0].Value) != `"ro quiet"` || len(diags) != 0 {
		t.Errorf("facts %v, diagnostics %v", facts, diags)
	}
	facts, _ = fact.Observe(t.Context(), &fact.Target{Root: t.TempDir()}, bootCollector)
	if len(facts) != 0 {
		t.Errorf("a machine without the file gives %v", facts)
	}
}

func TestTheGuidesPluginKeepsTheContract(t *testing.T) {
	plugintest.Test(t, plugintest.InProcess(plugin.Info{Name: "boot", Version: "0.1.0"}, fact.Serve(bootCollector)))
}

func TestTheGuidesSettings(t *testing.T) {
	var got limits
	if err := schema.Decode(nil, &got); err != nil || got != (limits{Least: 0.5, OnError: "stop"}) {
		t.Errorf("defaults %+v, %v", got, err)
	}
	if n := len(schema.Of(limits{}).GetAttributes()); n != 2 {
		t.Errorf("%d settings, want 2", n)
	}
}
