// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var missingIndex = check.Check{
	Code: "dockerfile.missing-cuda-index", Title: "PyTorch is installed for another CUDA than the base image has",
	Area: "docker", Needs: []string{"dockerfile.stages"},
	Doc: check.Doc{
		Meaning: "A stage on an image with one CUDA major installs PyTorch's wheel for another, or the one for the CPU. The wheel brings its own CUDA and runs, but the image then holds two: " +
			"extensions that are built in it fail with \"The detected CUDA version mismatches the version that was used to compile PyTorch\", and a base that was chosen for an old driver does not help.",
		Detection: "The CUDA major of the base image against the index of the command (download.pytorch.org/whl/cuXXX or cpu), the label of the version (+cu121), or, where neither is given, the wheels on PyPI: " +
			"those of a release that is pinned by a table, and any other as newer than CUDA 11. A stage in which a variable, pip.conf or pip config chooses the index is not reported, and neither is one for another platform than x86-64, a command with a variable among its arguments, nor a requirement that excludes newer releases.",
		Cause:  "PyPI has one CUDA for each release of PyTorch; the others are on an index of PyTorch's own.",
		Fix:    "Name the index of the CUDA of the base image, or take a base image without CUDA, since the wheel brings it.",
		Verify: "docker run --rm IMAGE python -c 'import torch; print(torch.version.cuda)' prints the CUDA of the base image.",
		References: []string{
			"https://pytorch.org/get-started/locally/", "https://docs.pytorch.org/docs/stable/cpp_extension.html", "https://pypi.org/project/torch/",
		},
	},
	Run: runMissingIndex,
}

func runMissingIndex(c *check.Context) {
	for _, name := range c.Facts.Instances("dockerfile") {
		for _, s := range stagesOf(c, name) {
			base := tables.ParseImage(s.Base)
			if tables.Major(base.CUDA) == 0 || strings.Contains(s.Platform, "arm") || !strings.Contains(s.Platform, "amd64") && otherArch(c) || base.Torch {
				continue
			}
			for _, in := range s.Installs {
				reportIndex(c, name, s, base, in)
			}
		}
	}
}

// otherArch reports whether images are built for another processor than x86-64,
// for which PyPI has other wheels.
func otherArch(c *check.Context) bool {
	arch := c.Facts.String("os.arch")
	return arch != "" && arch != "amd64"
}

func reportIndex(c *check.Context, name string, s stage, base tables.Image, in install) {
	torch, ok := torchOf(in)
	if !ok || slices.ContainsFunc(in.Requirements, hasVariable) {
		return
	}
	want := tables.Major(base.CUDA)
	got, from := wheelCUDA(s, in, torch)
	if got == "" || got != "cpu" && (tables.Major(got) == want || got == "newer than 11" && want > 11) {
		return
	}
	wheel := "CUDA " + got
	if got == "cpu" {
		wheel = "the CPU"
	}
	c.Report(check.Finding{
		Severity: check.Info,
		Subject:  fmt.Sprintf("%s:%d", name, in.Line),
		Detail: fmt.Sprintf("%s, line %d: torch comes from %s for %s, and the base image %s of line %d has CUDA %s.",
			path.Base(name), in.Line, from, wheel, s.Base, s.BaseLine, base.CUDA),
		Cause:    "The command names no index for the CUDA of the base image.",
		Evidence: append(at(fact.At("dockerfile", name, "stages"), name, in.Line, in.Installer+" "+strings.Join(in.Requirements, " ")), at(fact.At("dockerfile", name, "stages"), name, s.BaseLine, "FROM "+s.Base)...),
		Remedies: []check.Remedy{{
			ID: "name-index", Summary: "Name the index for the CUDA of the base image", Kind: check.WriteFile, Risk: check.Low,
			Preview: []string{fmt.Sprintf("%s torch --index-url https://download.pytorch.org/whl/%s", in.Installer, indexFor(want))},
		}},
		Verify: []string{"docker run --rm IMAGE python -c 'import torch; print(torch.version.cuda)'"},
	})
}

// hasVariable reports whether a word may be an option when the command runs.
func hasVariable(word string) bool { return strings.HasPrefix(word, "$") }

func torchOf(in install) (requirement, bool) {
	for _, text := range in.Requirements {
		if r, ok := parseRequirement(text); ok && r.name == "torch" {
			return r, true
		}
	}
	return requirement{}, false
}

var (
	torchIndex = pattern.Lazy(`download\.pytorch\.org/whl/(?:nightly/|test/)?(cu\d{2,3}|cpu)`)
	cudaLabel  = pattern.Lazy(`^cu(\d{2,3})$`)
)

// wheelCUDA tells for which CUDA the wheel of a command is, "cpu", or "" where
// that cannot be told, and where the wheel is from.
func wheelCUDA(s stage, in install, torch requirement) (cuda, from string) {
	if torch.local != "" {
		return labelCUDA(torch.local), "the release " + torch.pinned + "+" + torch.local
	}
	for _, index := range in.Indexes {
		if m := torchIndex().FindStringSubmatch(index); m != nil {
			return labelCUDA(m[1]), index
		}
	}
	if len(in.Indexes) > 0 || s.Index || in.Installer == "uv add" {
		return "", ""
	}
	if torch.pinned != "" {
		cuda, _ := tables.TorchCUDA(torch.pinned)
		return cuda, "PyPI"
	}
	if torch.below {
		return "", ""
	}
	return "newer than 11", "PyPI" // since 2.1; only a base of CUDA 11 is sure to differ
}

// labelCUDA reads cu121 as 12.1 and cu92 as 9.2.
func labelCUDA(label string) string {
	if label == "cpu" {
		return "cpu"
	}
	m := cudaLabel().FindStringSubmatch(label)
	if m == nil {
		return ""
	}
	return m[1][:len(m[1])-1] + "." + m[1][len(m[1])-1:]
}

// indexFor is an index of PyTorch for a CUDA major that has many releases.
func indexFor(major int) string {
	switch {
	case major <= 11:
		return "cu118"
	case major == 12:
		return "cu126"
	}
	return "cu130"
}
