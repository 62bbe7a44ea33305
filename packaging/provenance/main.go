// SPDX-License-Identifier: Apache-2.0

// Provenance writes where a release comes from, as a SLSA provenance 1.0 predicate
// (slsa.dev/spec/v1.0/provenance), from what GitHub tells a workflow.
//
//	provenance > FILE
//
// The workflow signs it together with the checksums of the release:
//
//	cosign attest-blob --type slsaprovenance1 --predicate FILE checksums.txt
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	data, err := predicate(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "provenance:", err)
		os.Exit(1)
	}
	fmt.Println(string(data))
}

// The shapes below are those of the predicate, and of the build type that GitHub
// published for its workflows.
type provenance struct {
	Definition definition `json:"buildDefinition"`
	Run        run        `json:"runDetails"`
}

type definition struct {
	Type         string                       `json:"buildType"`
	External     map[string]map[string]string `json:"externalParameters"`
	Internal     map[string]map[string]string `json:"internalParameters"`
	Dependencies []resource                   `json:"resolvedDependencies"`
}

type resource struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

type run struct {
	Builder  map[string]string `json:"builder"`
	Metadata map[string]string `json:"metadata"`
}

// lookup reads variables and remembers those that are missing.
type lookup struct {
	env     func(string) (string, bool)
	missing []error
}

func (l *lookup) get(name string) string {
	value, _ := l.env(name)
	if value == "" {
		l.missing = append(l.missing, fmt.Errorf("%s is not set: this runs in a workflow of GitHub", name))
	}
	return value
}

func predicate(env func(string) (string, bool)) ([]byte, error) {
	l := &lookup{env: env}
	server, repository, ref := l.get("GITHUB_SERVER_URL"), l.get("GITHUB_REPOSITORY"), l.get("GITHUB_REF")
	home := server + "/" + repository
	// Of the form OWNER/REPO/.github/workflows/FILE@REF.
	workflow := l.get("GITHUB_WORKFLOW_REF")
	path, _, _ := strings.Cut(strings.TrimPrefix(workflow, repository+"/"), "@")
	p := provenance{
		Definition: definition{
			Type:     "https://actions.github.io/buildtypes/workflow/v1",
			External: map[string]map[string]string{"workflow": {"ref": ref, "repository": home, "path": path}},
			Internal: map[string]map[string]string{"github": {
				"event_name": l.get("GITHUB_EVENT_NAME"), "repository_id": l.get("GITHUB_REPOSITORY_ID"),
				"repository_owner_id": l.get("GITHUB_REPOSITORY_OWNER_ID"), "runner_environment": l.get("RUNNER_ENVIRONMENT"),
			}},
			Dependencies: []resource{{URI: "git+" + home + "@" + ref, Digest: map[string]string{"gitCommit": l.get("GITHUB_SHA")}}},
		},
		Run: run{
			Builder:  map[string]string{"id": server + "/" + workflow},
			Metadata: map[string]string{"invocationId": home + "/actions/runs/" + l.get("GITHUB_RUN_ID") + "/attempts/" + l.get("GITHUB_RUN_ATTEMPT")},
		},
	}
	if err := errors.Join(l.missing...); err != nil {
		return nil, err
	}
	return json.MarshalIndent(p, "", "  ")
}
