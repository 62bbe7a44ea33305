// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const hubVariablesPage = "https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables"

var tokenMissing = check.Check{
	Code: "system.hf-token-missing", Title: "HF_TOKEN_PATH names a file without a token",
	Area: "system", Needs: []string{"hf.token_file"},
	Doc: check.Doc{
		Meaning: "HF_TOKEN_PATH says where the token of the Hugging Face hub is kept, and that file is not there or is empty. Unless HF_TOKEN is set, requests are sent without a token: " +
			"gated and private models answer 401 or 403.",
		Detection: "HF_TOKEN_PATH of the examined process and the existence and size of the file. The content is never read, nor is the variable HF_TOKEN. " +
			"A machine on which nobody logged in, without the variable, is not reported.",
		Cause:  "The variable was copied from another machine, a secret was not mounted into the container, or nobody logged in after it was set.",
		Fix:    "Log in, so that the file is written, mount the secret at that place, or unset the variable.",
		Verify: "hf auth whoami prints the name of the user.",
		References: []string{
			hubVariablesPage + "#hftokenpath",
			"https://huggingface.co/docs/hub/models-gated",
		},
	},
	Run: runTokenMissing,
}

func runTokenMissing(c *check.Context) {
	f, _ := fact.Get[tokenFile](c.Facts, "hf.token_file")
	if f.State != "missing" && f.State != "empty" {
		return
	}
	c.Report(check.Finding{
		Severity: check.Info,
		Subject:  f.Path,
		Detail:   fmt.Sprintf("HF_TOKEN_PATH names %s, which is %s: without HF_TOKEN, gated and private models answer 401.", f.Path, f.State),
		Cause:    "No token was written to the place that the variable names.",
		Evidence: c.Evidence("hf.token_file"),
		Remedies: []check.Remedy{
			{ID: "login", Summary: "Log in, which writes the token to that file", Kind: check.SystemCommand, Risk: check.Low, Preview: []string{"hf auth login"}},
			{ID: "unset", Summary: "Or unset the variable, so that the default file is used", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"unset HF_TOKEN_PATH"}},
		},
		Verify: []string{"hf auth whoami"},
	})
}

type partialSettings struct {
	MinAgeSeconds int64 `json:"min_age_seconds" default:"86400" min:"0" doc:"Report downloads to which nothing was written for this long."`
	MinBytes      int64 `json:"min_bytes" default:"104857600" min:"0" doc:"Report only when such downloads take this much space together."`
}

var partialDownloads = check.Check{
	Code: "system.hf-partial-downloads", Title: "Downloads of models were broken off",
	Area: "system", Needs: []string{"hf.partial_downloads"}, Config: partialSettings{},
	Doc: check.Doc{
		Meaning:   "The Hugging Face cache holds files that end in .incomplete, to which nothing was written for min_age_seconds (a day unless set). They take space, and the models are not there as a whole.",
		Detection: "Files *.incomplete below the blobs of the cache, their size and the time of their last change, on a live machine. A download that goes on is not reported, nor is less than min_bytes (100 MiB unless set).",
		Cause:     "The download was interrupted: the disk was full, the connection broke, or the process was stopped.",
		Fix:       "Download the model again, which goes on where it stopped, or remove the files.",
		Verify:    "find prints no *.incomplete below the cache.",
		References: []string{
			"https://huggingface.co/docs/huggingface_hub/guides/manage-cache",
			"https://huggingface.co/docs/huggingface_hub/guides/download",
		},
	},
	Run: runPartialDownloads,
}

func runPartialDownloads(c *check.Context) {
	var settings partialSettings
	c.Config(&settings)
	all, _ := fact.Get[[]partialDownload](c.Facts, "hf.partial_downloads")
	var (
		bytes int64
		old   []partialDownload
	)
	for _, d := range all {
		if d.AgeSeconds != nil && *d.AgeSeconds >= settings.MinAgeSeconds {
			bytes += d.Bytes
			old = append(old, d)
		}
	}
	if len(old) == 0 || bytes < settings.MinBytes {
		return
	}
	cache := path.Dir(path.Dir(path.Dir(old[0].Path)))
	names, download := repositories(old)
	c.Report(check.Finding{
		Severity: check.Info,
		Subject:  cache,
		Detail:   fmt.Sprintf("%d downloads in %s stopped before they were whole and take %s: of %s.", len(old), cache, size(bytes), strings.Join(names, ", ")),
		Cause:    "The downloads were interrupted and not taken up again.",
		Evidence: c.Evidence("hf.partial_downloads"),
		Remedies: []check.Remedy{
			{ID: "resume", Summary: "Download the model again; it goes on where it stopped", Kind: check.Advice, Risk: check.Low, Preview: download},
			{ID: "remove", Summary: "Or remove what is left of them, while nothing downloads", Kind: check.SystemCommand, Risk: check.Medium,
				Preview: []string{"find " + quoted(cache) + " -name '*.incomplete' -mmin +1440 -delete"}},
		},
		Verify: []string{"find " + quoted(cache) + " -name '*.incomplete'"},
	})
}

// maxBrokenOff bounds the repositories that are named.
const maxBrokenOff = 5

// repositories names those whose downloads stopped, and the commands that take
// them up again: models--ORG--NAME/blobs/HASH.incomplete is of ORG/NAME.
func repositories(downloads []partialDownload) (names, commands []string) {
	for _, d := range downloads {
		kind, rest, _ := strings.Cut(path.Base(path.Dir(path.Dir(d.Path))), "--")
		name := strings.ReplaceAll(rest, "--", "/")
		if name == "" || slices.Contains(names, name) || len(names) == maxBrokenOff {
			continue
		}
		command := "hf download " + quoted(name)
		if kind != "models" {
			command += " --repo-type " + quoted(strings.TrimSuffix(kind, "s"))
		}
		names, commands = append(names, name), append(commands, command)
	}
	return names, commands
}

var endpointInvalid = check.Check{
	Code: "system.hf-endpoint-invalid", Title: "HF_ENDPOINT is not an address that can be asked",
	Area: "system", Needs: []string{"hf.endpoint"},
	Doc: check.Doc{
		Meaning:   "HF_ENDPOINT replaces https://huggingface.co in every request of the Hugging Face libraries, and its value is no address: every download fails, most often with \"Request URL is missing an 'http://' or 'https://' protocol\" or \"Invalid URL\".",
		Detection: "The value is read as a URL: a scheme http or https, a host, and no quotation marks, white space or query. Whether the host answers is not tried.",
		Cause:     "The scheme was left out, or quotation marks became part of the value (often from an env file or a Dockerfile).",
		Fix:       "Write the whole address, such as https://hub.example.com, or unset the variable.",
		Verify:    "curl -sS \"$HF_ENDPOINT/api/models/gpt2\" prints JSON.",
		References: []string{
			hubVariablesPage + "#hfendpoint",
			"https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/constants.py",
		},
	},
	Run: runEndpointInvalid,
}

func runEndpointInvalid(c *check.Context) {
	e, _ := fact.Get[endpoint](c.Facts, "hf.endpoint")
	if e.Problem == "" {
		return
	}
	c.Report(check.Finding{
		Subject:  "HF_ENDPOINT",
		Detail:   fmt.Sprintf("HF_ENDPOINT is %s, and %s: no model or data set can be downloaded.", e.Value, e.Problem),
		Cause:    "The value is not the address of a hub.",
		Evidence: c.Evidence("hf.endpoint"),
		Remedies: []check.Remedy{{
			ID: "set-endpoint", Summary: "Write the whole address, or unset the variable", Kind: check.SetEnv, Risk: check.Low,
			Preview: []string{"export HF_ENDPOINT=https://HOST", "unset HF_ENDPOINT"},
		}},
		Verify: []string{`curl -sS "$HF_ENDPOINT/api/models/gpt2"`},
	})
}
