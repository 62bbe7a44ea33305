// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"golang.org/x/mod/semver"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var wsl1 = check.Check{
	Code: "system.wsl1", Title: "This is WSL 1, which has no GPU",
	Area: "system", Needs: []string{"os.wsl"},
	Doc: check.Doc{
		Meaning:   "The distribution runs under version 1 of the Windows Subsystem for Linux. It translates system calls and has no GPU driver interface, so CUDA cannot work there, and Docker Engine cannot either.",
		Detection: "The kernel release is the one that WSL 1 reports (4.4.0-BUILD-Microsoft); WSL 2 runs a real kernel.",
		Cause:     "The distribution was installed before WSL 2 was the default, or converted to 1.",
		Fix:       "Convert the distribution to WSL 2 from PowerShell.",
		Verify:    "wsl -l -v shows version 2.",
		References: []string{
			"https://learn.microsoft.com/windows/wsl/compare-versions",
			"https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
		},
	},
	Run: func(c *check.Context) {
		if v, ok := c.Facts.Int("os.wsl_version"); !ok || v != 1 {
			return
		}
		c.Report(check.Finding{
			Severity: check.Warning,
			Detail:   "The kernel " + c.Facts.String("os.kernel") + " is that of WSL 1: CUDA finds no device whatever is installed.",
			Cause:    "The distribution was not converted to WSL 2.",
			Evidence: c.Evidence("os.wsl_version"),
			Explains: []string{"gpu.*", "docker.engine-down"},
			Remedies: []check.Remedy{{
				ID: "convert", Summary: "Convert the distribution, in PowerShell on Windows", Kind: check.Advice, Risk: check.Medium,
				Preview: []string{"wsl -l -v", "wsl --set-version DISTRIBUTION 2"},
			}},
			Verify: []string{"wsl -l -v"},
		})
	},
}

// wheelGlibc is what the manylinux_2_28 tag asks for, with which PyTorch builds
// its Linux wheels since 2.7 (its 2.6 release notes announce the change).
const wheelGlibc = "2.28"

var glibcOld = check.Check{
	Code: "system.glibc-old", Title: "glibc is older than current wheels need",
	Area: "system", Needs: []string{"os.glibc"},
	Doc: check.Doc{
		Meaning:   "The C library is older than 2.28. Wheels tagged manylinux_2_28, which current releases of PyTorch and many others are, cannot be installed: pip takes an older release or finds none.",
		Detection: "The newest GLIBC symbol version that libc.so.6 defines.",
		Cause:     "The distribution is of 2018 or before, such as CentOS 7 (2.17) or Ubuntu 18.04 (2.27).",
		Fix:       "Work in a container with a newer distribution, or upgrade. glibc itself cannot be upgraded apart from the distribution.",
		Verify:    "ldd --version prints 2.28 or newer.",
		References: []string{
			"https://peps.python.org/pep-0600/",
			"https://github.com/pytorch/pytorch/releases/tag/v2.6.0",
		},
	},
	Run: func(c *check.Context) {
		v := c.Facts.String("os.glibc")
		if v == "" || semver.Compare("v"+v, "v"+wheelGlibc) >= 0 {
			return
		}
		c.Report(check.Finding{
			Severity: check.Warning,
			Detail:   fmt.Sprintf("glibc is %s, and wheels tagged manylinux_2_28 need %s: current PyTorch wheels cannot be installed.", v, wheelGlibc),
			Cause:    "The distribution is older than current wheels allow for.",
			Evidence: c.Evidence("os.glibc", "os.pretty_name"),
			Remedies: []check.Remedy{{
				ID: "newer-base", Summary: "Work in a container with a newer distribution", Kind: check.Advice, Risk: check.Low,
				Preview: []string{"docker run -it --rm -v \"$PWD\":/work -w /work python:3.12-slim bash"},
			}},
			Verify: []string{"ldd --version"},
		})
	},
}

var muslLibc = check.Check{
	Code: "system.musl-libc", Title: "The C library is musl, for which PyTorch has no wheels",
	Area: "system", Needs: []string{"os.libc"},
	Doc: check.Doc{
		Meaning:   "The distribution (Alpine, for example) uses musl. PyTorch, TensorFlow and NVIDIA's CUDA wheels are published for glibc only, so pip finds none.",
		Detection: "musl's loader is there and no glibc. It is a warning where a requirements file of the project asks for a framework, else a note: a server without ML is well on musl.",
		Cause:     "A small base image was chosen.",
		Fix:       "Use an image with glibc, such as python:3.12-slim.",
		Verify:    "ldd --version names GNU libc.",
		References: []string{
			"https://peps.python.org/pep-0656/",
			"https://pypi.org/project/torch/#files",
		},
	},
	Run: func(c *check.Context) {
		if c.Facts.String("os.libc") != "musl" {
			return
		}
		severity := check.Warning
		if c.Facts.Known("python.envs") && !projectAsksML(c) {
			severity = check.Info
		}
		c.Report(check.Finding{
			Severity: severity,
			Detail:   "pip install torch ends with \"Could not find a version that satisfies the requirement\" here, because its wheels need glibc.",
			Cause:    "The distribution is built on musl.",
			Evidence: c.Evidence("os.libc", "os.pretty_name"),
			Remedies: []check.Remedy{{
				ID: "glibc-base", Summary: "Use a base image with glibc", Kind: check.Advice, Risk: check.Low, Preview: []string{"FROM python:3.12-slim"},
			}},
			Verify: []string{"ldd --version"},
		})
	},
}
