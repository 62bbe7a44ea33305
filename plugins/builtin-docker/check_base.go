// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const compatibilityGuide = "https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html"

// stagesOf returns the stages of a Dockerfile; nil for one that is not known.
func stagesOf(c *check.Context, name string) []stage {
	out, _ := fact.Get[[]stage](c.Facts, fact.At("dockerfile", name, "stages"))
	return out
}

// at is evidence of a line of a file.
func at(address, file string, line int, text string) []fact.Evidence {
	return []fact.Evidence{{Fact: address, Path: file, Line: line, Value: shortened(text)}}
}

var baseTooNew = check.Check{
	Code: "dockerfile.cuda-base-newer-than-driver", Title: "The CUDA of the base image is too new for this machine's driver",
	Area: "docker", Needs: []string{"dockerfile.stages", "gpu.driver.version"},
	Doc: check.Doc{
		Meaning: "The image is based on a CUDA major for which this machine's driver is too old. The container does not start (\"unsatisfied condition: cuda>=...\"), " +
			"or CUDA fails in it with \"CUDA driver version is insufficient for CUDA runtime version\".",
		Detection: "The CUDA of the base image, by its tag or, for NVIDIA's monthly images, by a table of releases, against the oldest driver of that CUDA major and the version of the loaded driver. " +
			"A driver that is older than the toolkit and not older than that runs it by minor-version compatibility and is not reported. " +
			"On GPUs that are not GeForce it is a note, since the image's own forward compatibility package may serve them. A CUDA major that is not in the table is reported as unknown.",
		Cause:  "The base image was chosen, or updated by a bot, without the machines on which it runs in mind.",
		Fix:    "Upgrade the driver of the machine, or use a base image of the CUDA major that it serves.",
		Verify: "docker run --rm --gpus all BASE-IMAGE nvidia-smi prints the GPUs.",
		References: []string{
			compatibilityGuide, "https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html", "https://hub.docker.com/r/nvidia/cuda",
		},
	},
	Run: runBaseTooNew,
}

func runBaseTooNew(c *check.Context) {
	driver := c.Facts.String("gpu.driver.version")
	if driver == "" {
		return
	}
	for _, name := range c.Facts.Instances("dockerfile") {
		stages := stagesOf(c, name)
		seen := map[int]bool{}
		for i, s := range stages {
			image := tables.ParseImage(s.Base)
			if major := tables.Major(image.CUDA); major > 0 && !seen[s.BaseLine] && isFinal(stages, i) {
				seen[s.BaseLine] = true
				judgeBase(c, name, s, major, driver)
			}
		}
	}
}

// isFinal reports whether a stage is run: the last of the file, or one that no
// other stage stands on and that has a command of its own.
func isFinal(stages []stage, i int) bool {
	return i == len(stages)-1 || strings.TrimSpace(stages[i].Commands) != ""
}

func judgeBase(c *check.Context, name string, s stage, major int, driver string) {
	least, known := tables.DriverMinimum(major)
	evidence := append(at(fact.At("dockerfile", name, "stages"), name, s.BaseLine, "FROM "+s.Base), c.Evidence("gpu.driver.version")...)
	finding := check.Finding{
		Subject: fmt.Sprintf("%s:%d", name, s.BaseLine), Evidence: evidence,
		Cause:    "The base image is of a newer CUDA major than the driver serves.",
		Explains: []string{"dockerfile.missing-cuda-index"},
		Verify:   []string{"docker run --rm --gpus all " + quotedImage(s.Base) + " nvidia-smi"},
		Remedies: []check.Remedy{
			{ID: "upgrade-driver", Summary: fmt.Sprintf("Upgrade the driver of the machine to %s or newer", least), Kind: check.Advice, Risk: check.Medium, Preview: []string{"see " + compatibilityGuide}},
			{ID: "older-base", Summary: "Or use a base image of an older CUDA major", Kind: check.WriteFile, Risk: check.Low, Preview: []string{"FROM " + olderBase(major)}},
		},
	}
	switch {
	case !known && major > tables.NewestMajor():
		finding.Severity = check.Unknown
		finding.Detail = fmt.Sprintf("%s, line %d: %s has CUDA %d, which is newer than what this version knows; whether driver %s serves it cannot be told.", path.Base(name), s.BaseLine, s.Base, major, driver)
		finding.Cause = "The table of drivers ends before this CUDA major."
		finding.Remedies = finding.Remedies[1:]
	case known && tables.Compare(driver, least) < 0:
		finding.Severity = baseSeverity(c)
		finding.Detail = fmt.Sprintf("%s, line %d: %s has CUDA %d, which needs driver %s or newer, and driver %s is loaded: containers of it fail with \"CUDA driver version is insufficient\" or do not start.",
			path.Base(name), s.BaseLine, s.Base, major, least, driver)
	default:
		return
	}
	c.Report(finding)
}

// baseSeverity is an error on GeForce, which forward compatibility does not
// serve, and where the GPU is not known a warning.
func baseSeverity(c *check.Context) check.Severity {
	devices, _ := fact.Get[[]struct{ Name string }](c.Facts, "gpu.devices")
	severity := check.Warning
	for _, d := range devices {
		switch {
		case strings.Contains(d.Name, "GeForce"):
			return check.Error
		case d.Name != "":
			severity = check.Info
		}
	}
	return severity
}

func olderBase(major int) string {
	if major > 12 {
		return "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04"
	}
	return "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04"
}

// quotedImage keeps a name from a foreign file out of a command unless it is one.
func quotedImage(image string) string {
	if strings.Trim(image, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./:_-@") != "" {
		return "BASE-IMAGE"
	}
	return image
}

var cpuBase = check.Check{
	Code: "dockerfile.cpu-base-gpu-wheel", Title: "A GPU package lacks CUDA libraries that the base image does not have",
	Area: "docker", Needs: []string{"dockerfile.stages"},
	Doc: check.Doc{
		Meaning: "A build stage installs a package whose GPU code needs libraries of CUDA that the package does not bring, on a base image without them. The build works; in the container the package falls back to the CPU or fails: " +
			"\"libcublasLt.so.12: cannot open shared object file\".",
		Detection: "A table of such packages with what brings the libraries instead, against the base image under the stage: an official image of Python or of a distribution has none, nvidia/cuda:*-base has no libraries beyond the runtime, " +
			"and one without cudnn in its tag has no cuDNN. PyTorch's wheels bring all they need and are not reported, and neither is a base image that is not known, nor a stage that installs or copies CUDA by other means.",
		Cause:  "The package was taken for one like PyTorch, whose wheels bring CUDA.",
		Fix:    "Install the variant of the package that brings the libraries, or use a base image that has them.",
		Verify: "docker run --rm --gpus all IMAGE python -c 'import onnxruntime as o; print(o.get_available_providers())' names CUDA and prints no error.",
		References: []string{
			"https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html", "https://docs.cupy.dev/en/stable/install.html", "https://hub.docker.com/r/nvidia/cuda",
		},
	},
	Run: runCPUBase,
}

func runCPUBase(c *check.Context) {
	for _, name := range c.Facts.Instances("dockerfile") {
		stages := stagesOf(c, name)
		for i := range stages {
			for _, in := range stages[i].Installs {
				for _, text := range in.Requirements {
					reportCPUBase(c, name, stages, i, in, text)
				}
			}
		}
	}
}

func reportCPUBase(c *check.Context, name string, stages []stage, i int, in install, text string) {
	r, ok := parseRequirement(text)
	row, found := lookup(r)
	s := stages[i]
	lacks := lacking(s, row.Needs)
	if !ok || !found || lacks == "" || s.CUDA || brought(stages, i, r, row) {
		return
	}
	remedies := []check.Remedy{{
		ID: "cuda-base", Summary: "Use a base image with the libraries", Kind: check.WriteFile, Risk: check.Low, Preview: []string{"FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04"},
	}}
	if row.Instead != "" {
		remedies = append([]check.Remedy{{
			ID: "with-libraries", Summary: "Install the variant that brings the libraries", Kind: check.WriteFile, Risk: check.Low, Preview: []string{fmt.Sprintf("%s %q", in.Installer, row.Instead)},
		}}, remedies...)
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Subject:  fmt.Sprintf("%s:%d", name, in.Line),
		Detail: fmt.Sprintf("%s, line %d: %s needs %s, which neither it nor the base image %s of line %d brings%s: it falls back to the CPU or fails.",
			path.Base(name), in.Line, r.name, row.Missing, s.Base, s.BaseLine, lacks),
		Cause:    "The package expects the libraries of CUDA in the image.",
		Evidence: append(at(fact.At("dockerfile", name, "stages"), name, in.Line, in.Installer+" "+text), at(fact.At("dockerfile", name, "stages"), name, s.BaseLine, "FROM "+s.Base)...),
		Remedies: remedies,
		Verify:   []string{"docker run --rm --gpus all IMAGE sh -c 'ldconfig -p | grep -E \"libcublas|libcudnn\"'"},
	})
}

// plainImages are the official images that are known to have nothing of CUDA.
var plainImages = []string{
	"python", "debian", "ubuntu", "alpine", "fedora", "rockylinux", "almalinux", "amazonlinux", "continuumio/miniconda3", "condaforge/miniforge3",
	"mambaorg/micromamba", "ghcr.io/astral-sh/uv", "node", "buildpack-deps",
}

// lacking says what the base of a stage lacks, as the end of a clause; "" when it
// lacks nothing or is not known.
func lacking(s stage, needs string) string {
	image := tables.ParseImage(s.Base)
	for _, plain := range plainImages {
		if image.Repository == plain || image.Repository == "library/"+plain {
			return " (it has nothing of CUDA)"
		}
	}
	switch {
	case needs == "" || !image.GPU:
		return ""
	case image.Libraries == "none":
		return " (its tag says base)"
	case needs == "cudnn" && !image.CuDNN && image.Libraries != "":
		return " (its tag does not say cudnn)"
	}
	return ""
}

// brought looks for what brings the libraries, in the stage and those below it.
// What is installed from a file is not seen; where there is one, it may.
func brought(stages []stage, i int, r requirement, row tables.Package) bool {
	names := map[string]bool{}
	for _, at := range append([]int{i}, stages[i].Below...) {
		if at < 0 || at >= len(stages) {
			continue
		}
		for _, in := range stages[at].Installs {
			if len(in.Files) > 0 {
				return true
			}
			for _, text := range in.Requirements {
				other, ok := parseRequirement(text)
				if !ok {
					return true // a directory, an address or a variable
				}
				names[other.name] = true
			}
		}
	}
	for _, b := range row.Brought {
		if names[b] || strings.HasPrefix(b, "[") && r.extras[strings.Trim(b, "[]")] {
			return true
		}
	}
	return false
}

// lookup finds a requirement in the table, by its name or with one of its extras.
func lookup(r requirement) (tables.Package, bool) {
	if row, ok := tables.LookupPackage(r.name); ok {
		return row, true
	}
	for extra := range r.extras {
		if row, ok := tables.LookupPackage(r.name + "[" + extra + "]"); ok {
			return row, true
		}
	}
	return tables.Package{}, false
}
