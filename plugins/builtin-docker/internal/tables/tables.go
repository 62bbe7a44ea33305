// SPDX-License-Identifier: Apache-2.0

// Package tables is what the docker plugin knows about images and packages of
// others: data files with a source for each row, apart from the code.
//
//   - images.json: images that are built for CUDA, and how their tag tells which.
//   - ngc_releases.json: the CUDA major of NVIDIA's monthly framework images.
//   - driver_minimum.json: the oldest driver for programs of a CUDA major.
//   - torch_default_cuda.json: the CUDA of PyTorch's wheels on PyPI.
//   - gpu_packages.json: packages that need CUDA libraries they do not bring.
//
// What is in no table is not known, and callers must not read that as good or bad.
package tables

import (
	"embed"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.json
var files embed.FS

// imageRow is a row of images.json.
type imageRow struct {
	Repository string `json:"repository"`
	// Tag is a pattern that tells the images with CUDA from others; "" for all.
	// Its group, where it has one, is the version of CUDA, or of the release.
	Tag string `json:"tag"`
	// Version says what the group of Tag is: "cuda", "ngc", or "" for none.
	Version string `json:"version"`
	// Libraries that the image brings: "runtime", "devel", "tag" where the tag
	// has one of these words, "all".
	Libraries string `json:"libraries"`
	// Torch is true for an image with PyTorch.
	Torch  bool   `json:"torch"`
	Source string `json:"source"`
}

type releaseRow struct {
	// From and To are releases "23.01", both included.
	From      string `json:"from"`
	To        string `json:"to"`
	CUDAMajor int    `json:"cuda_major"`
	Source    string `json:"source"`
}

type driverRow struct {
	CUDAMajor int    `json:"cuda_major"`
	Linux     string `json:"linux"`
	Source    string `json:"source"`
}

type torchRow struct {
	Torch  string `json:"torch"`
	CUDA   string `json:"cuda"`
	Source string `json:"source"`
}

// Package is a row of gpu_packages.json.
type Package struct {
	// Name in normalized form, with the extra that is meant: "jax[cuda12-local]".
	Name string `json:"name"`
	// Needs is "runtime" (libraries of CUDA) or "cudnn" (those and cuDNN).
	Needs string `json:"needs"`
	// Brought lists packages that bring these libraries when they are installed
	// beside it, and extras of the package itself as "[cuda]".
	Brought []string `json:"brought"`
	// Missing is the library whose absence the user sees.
	Missing string `json:"missing"`
	// Instead is a requirement that brings what is missing; "" for none.
	Instead string `json:"instead,omitempty"`
	Source  string `json:"source"`
}

type table[Row any] struct {
	Version string `json:"version"`
	About   string `json:"about"`
	Rows    []Row  `json:"rows"`
}

// load decodes an embedded table once. The tests decode every table, so a
// table that cannot be read never leaves the build.
func load[Row any](name string) func() table[Row] {
	return sync.OnceValue(func() table[Row] {
		var t table[Row]
		data, err := files.ReadFile(name + ".json")
		if err == nil {
			err = json.Unmarshal(data, &t)
		}
		if err != nil {
			panic("embedded table " + name + ": " + err.Error())
		}
		return t
	})
}

var (
	images   = load[imageRow]("images")
	releases = load[releaseRow]("ngc_releases")
	drivers  = load[driverRow]("driver_minimum")
	torches  = load[torchRow]("torch_default_cuda")
	packages = load[Package]("gpu_packages")
)

// Versions names every table with its version, for the plugin's description.
func Versions() map[string]string {
	return map[string]string{
		"docker.images":             images().Version,
		"docker.ngc_releases":       releases().Version,
		"docker.driver_minimum":     drivers().Version,
		"docker.torch_default_cuda": torches().Version,
		"docker.gpu_packages":       packages().Version,
	}
}

// Image is what a reference such as "nvidia/cuda:12.4.1-devel-ubuntu22.04" tells.
type Image struct {
	Repository string
	Tag        string
	// GPU is true for an image that is made for CUDA.
	GPU bool
	// CUDA is "12.4", or "12" where only the major is known; "" where the tag
	// does not tell.
	CUDA string
	// Libraries is "none" (no more than the CUDA runtime itself), "runtime" or
	// "devel"; "" where it is not known.
	Libraries string
	// CuDNN is true where cuDNN is in the image.
	CuDNN bool
	// Torch is true where PyTorch is in the image.
	Torch bool
}

// ParseImage reads a reference. A registry that is Docker Hub's is dropped, and
// so is a digest.
func ParseImage(ref string) Image {
	ref, _, _ = strings.Cut(ref, "@")
	repository, tag := ref, "latest"
	if at := strings.LastIndexByte(ref, ':'); at > strings.LastIndexByte(ref, '/') {
		repository, tag = ref[:at], ref[at+1:]
	}
	for _, hub := range []string{"docker.io/", "index.docker.io/", "registry-1.docker.io/"} {
		repository = strings.TrimPrefix(repository, hub)
	}
	out := Image{Repository: repository, Tag: tag}
	for _, row := range images().Rows {
		if row.Repository == repository && row.describes(&out) {
			return out
		}
	}
	return out
}

// describes fills an image in when the row is about it.
func (r imageRow) describes(i *Image) bool {
	m := pattern(r.Tag).FindStringSubmatch(i.Tag)
	if m == nil {
		return false
	}
	i.GPU, i.Torch = true, r.Torch
	if len(m) > 1 {
		switch r.Version {
		case "cuda":
			i.CUDA = m[1]
		case "ngc":
			i.CUDA = ngcCUDA(m[1])
		}
	}
	i.Libraries, i.CuDNN = r.Libraries, r.Libraries == "all" || strings.Contains(i.Tag, "cudnn")
	switch {
	case r.Libraries == "all":
		i.Libraries = "devel"
	case r.Libraries == "tag":
		i.Libraries = wordOf(i.Tag)
	}
	return true
}

// wordOf reads the flavour of NVIDIA's CUDA images.
func wordOf(tag string) string {
	for word, libraries := range map[string]string{"base": "none", "runtime": "runtime", "devel": "devel"} {
		if slices.Contains(strings.Split(tag, "-"), word) {
			return libraries
		}
	}
	return ""
}

var patterns sync.Map // text → *regexp.Regexp

func pattern(text string) *regexp.Regexp {
	if p, ok := patterns.Load(text); ok {
		return p.(*regexp.Regexp)
	}
	p := regexp.MustCompile(text) // the tests compile every row
	patterns.Store(text, p)
	return p
}

// ngcCUDA returns the CUDA major of a monthly release; "" for one that is newer
// than the table.
func ngcCUDA(release string) string {
	for _, row := range releases().Rows {
		if release >= row.From && release <= row.To {
			return strconv.Itoa(row.CUDAMajor)
		}
	}
	return ""
}

// Major returns the first number of a version such as "12.4"; 0 for none.
func Major(version string) int {
	first, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(first)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// DriverMinimum returns the oldest Linux driver for programs of a CUDA major;
// false for a major that is not in the table.
func DriverMinimum(major int) (string, bool) {
	for _, row := range drivers().Rows {
		if row.CUDAMajor == major {
			return row.Linux, true
		}
	}
	return "", false
}

// NewestMajor is the newest CUDA major of the tables.
func NewestMajor() int {
	newest := 0
	for _, row := range drivers().Rows {
		newest = max(newest, row.CUDAMajor)
	}
	return newest
}

// TorchCUDA returns the CUDA of PyTorch's wheels for Linux on PyPI, for a release
// given as "2.8" or "2.8.0"; false for one that is not in the table.
func TorchCUDA(torch string) (string, bool) {
	for _, row := range torches().Rows {
		if torch == row.Torch || strings.HasPrefix(torch, row.Torch+".") {
			return row.CUDA, true
		}
	}
	return "", false
}

// LookupPackage finds a package that needs libraries it does not bring.
func LookupPackage(name string) (Package, bool) {
	rows := packages().Rows
	i := slices.IndexFunc(rows, func(p Package) bool { return p.Name == name })
	if i < 0 {
		return Package{}, false
	}
	return rows[i], true
}
