// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// github is what a workflow of a tag finds in its environment.
var github = map[string]string{
	"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "bulkhead-ml/bulkhead", "GITHUB_REF": "refs/tags/v1.0.0",
	"GITHUB_WORKFLOW_REF": "bulkhead-ml/bulkhead/.github/workflows/release.yml@refs/tags/v1.0.0", "GITHUB_EVENT_NAME": "push",
	"GITHUB_REPOSITORY_ID": "1", "GITHUB_REPOSITORY_OWNER_ID": "2", "RUNNER_ENVIRONMENT": "github-hosted",
	"GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2",
}

func without(names ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, n := range names {
			if n == name {
				return "", false
			}
		}
		value, ok := github[name]
		return value, ok
	}
}

func TestPredicate(t *testing.T) {
	data, err := predicate(without())
	if err != nil {
		t.Fatal(err)
	}
	var p provenance
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	workflow := p.Definition.External["workflow"]
	if workflow["path"] != ".github/workflows/release.yml" || workflow["ref"] != "refs/tags/v1.0.0" || workflow["repository"] != "https://github.com/bulkhead-ml/bulkhead" {
		t.Errorf("workflow %v", workflow)
	}
	source := p.Definition.Dependencies[0]
	if source.URI != "git+https://github.com/bulkhead-ml/bulkhead@refs/tags/v1.0.0" || source.Digest["gitCommit"] != github["GITHUB_SHA"] {
		t.Errorf("source %v", source)
	}
	if p.Run.Metadata["invocationId"] != "https://github.com/bulkhead-ml/bulkhead/actions/runs/7/attempts/2" {
		t.Errorf("run %v", p.Run)
	}
}

// TestOutsideOfAWorkflow: a predicate with holes would look like a whole one.
func TestOutsideOfAWorkflow(t *testing.T) {
	_, err := predicate(without("GITHUB_SHA", "GITHUB_RUN_ID"))
	if err == nil || !strings.Contains(err.Error(), "GITHUB_SHA") || !strings.Contains(err.Error(), "GITHUB_RUN_ID") {
		t.Errorf("%v", err)
	}
}
