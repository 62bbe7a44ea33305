// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

type diskSettings struct {
	MinFreeBytes   int64   `json:"min_free_bytes" default:"5368709120" min:"0" doc:"Warn when less than this is free."`
	ErrorFreeBytes int64   `json:"error_free_bytes" default:"536870912" min:"0" doc:"An error when less than this is free."`
	MinFreePercent float64 `json:"min_free_percent" default:"0" min:"0" max:"100" doc:"Warn too when less than this part is free; 0 turns it off."`
}

var diskLow = check.Check{
	Code: "system.disk-low", Title: "A disk is nearly full",
	Area: "system", Needs: []string{"disk.free_bytes"}, Config: diskSettings{},
	Doc: check.Doc{
		Meaning: "The file system under the root, the home directory or the project has less than min_free_bytes (5 GiB unless set) free. A PyTorch installation with CUDA takes about 5 GiB, " +
			"half of it as a download that is unpacked.",
		Detection:  "statfs(2): the space that an ordinary user can still write, without the reserve of root. File systems that are read-only by design are left out. A root that holds neither the home nor the project is reported only below error_free_bytes (512 MiB unless set).",
		Cause:      "Model and package caches, old environments, container images and checkpoints.",
		Fix:        "Remove what can be fetched again: package caches, unused container images, old environments.",
		Verify:     "df -h shows the free space.",
		References: []string{"https://man7.org/linux/man-pages/man2/statfs.2.html", "https://pip.pypa.io/en/stable/cli/pip_cache/"},
	},
	Run: runDiskLow,
}

// room is the disk under one directory.
type room struct {
	disk
	dir         string
	free, total int64
}

// rooms lists the writable disks with a known size, one for each mount.
func rooms(c *check.Context, wanted func(disk) bool) []room {
	var out []room
	for _, dir := range c.Facts.Instances("disk") {
		d, _ := fact.Get[disk](c.Facts, fact.At("disk", dir, ""))
		free, ok1 := c.Facts.Int(fact.At("disk", dir, "free_bytes"))
		total, ok2 := c.Facts.Int(fact.At("disk", dir, "total_bytes"))
		if !ok1 || !ok2 || total == 0 || d.ReadOnly || !wanted(d) {
			continue
		}
		r := room{disk: d, dir: dir, free: free, total: total}
		if !slices.ContainsFunc(out, r.sameMount) {
			out = append(out, r)
		}
	}
	return out
}

// sameMount compares the sizes too where the mounts are not known.
func (r room) sameMount(other room) bool {
	if r.Mount != "" || other.Mount != "" {
		return r.Mount == other.Mount
	}
	return r.free == other.free && r.total == other.total
}

func (r room) addresses() []string {
	return []string{fact.At("disk", r.dir, ""), fact.At("disk", r.dir, "free_bytes")}
}

func runDiskLow(c *check.Context) {
	var settings diskSettings
	c.Config(&settings)
	for _, r := range rooms(c, func(d disk) bool { return d.Purpose != "cache" && d.Purpose != "tmp" }) {
		percent := 100 * float64(r.free) / float64(r.total)
		if r.Purpose == "root" && elsewhere(c, r) && r.free >= settings.ErrorFreeBytes {
			continue
		}
		if r.free >= settings.MinFreeBytes && percent >= settings.MinFreePercent {
			continue
		}
		severity := check.Warning
		if r.free < settings.ErrorFreeBytes {
			severity = check.Error
		}
		c.Report(check.Finding{
			Severity: severity,
			Subject:  r.dir,
			Detail:   fmt.Sprintf("%s of %s (%.1f%%) is free on the file system of %s: installations, downloads and checkpoints end with \"No space left on device\".", size(r.free), size(r.total), percent, r.dir),
			Cause:    fmt.Sprintf("The file system of the %s directory is nearly full.", r.Purpose),
			Evidence: c.Evidence(r.addresses()...),
			Explains: explainsOthers(c, r),
			Remedies: cleanups(c),
			Verify:   []string{"df -h " + quoted(r.dir)},
		})
	}
}

// elsewhere reports whether the home and the project are known to lie on other
// file systems than the root, which then receives no environments or models.
func elsewhere(c *check.Context, root room) bool {
	others := rooms(c, func(d disk) bool { return d.Purpose == "home" || d.Purpose == "project" })
	return len(others) > 0 && root.Mount != "" && !slices.ContainsFunc(others, root.sameMount)
}

// explainsOthers names the findings about what lies on the same disk.
func explainsOthers(c *check.Context, r room) []string {
	var out []string
	for _, other := range rooms(c, func(d disk) bool { return d.Purpose == "cache" }) {
		if r.sameMount(other) {
			out = append(out, cacheDiskLow.Code)
		}
	}
	images, ok := fact.Get[struct{ Mount string }](c.Facts, "docker.data_root")
	if ok && r.Mount != "" && images.Mount == r.Mount {
		out = append(out, "docker.disk-low")
	}
	return out
}

func cleanups(c *check.Context) []check.Remedy {
	preview := packageCaches(c)
	if c.Facts.Bool("docker.engine.installed") {
		preview = append(preview, "docker system prune")
	}
	return []check.Remedy{{
		ID: "prune-caches", Summary: "Remove what can be fetched again", Kind: check.Advice, Risk: check.Medium, Preview: preview,
	}}
}

// packageCaches are the commands that empty the caches of the installers of
// Python whose environments were found here.
func packageCaches(c *check.Context) []string {
	out := []string{"pip cache purge"}
	envs, _ := fact.Get[[]struct{ Kind string }](c.Facts, "python.envs")
	for kind, command := range map[string]string{"uv": "uv cache prune", "conda": "conda clean --all"} {
		if slices.ContainsFunc(envs, func(e struct{ Kind string }) bool { return e.Kind == kind }) {
			out = append(out, command)
		}
	}
	slices.Sort(out[1:])
	return out
}

type tmpSettings struct {
	MinFreeBytes int64 `json:"min_free_bytes" default:"1073741824" min:"0" doc:"Warn when less than this is free in the directory for temporary files."`
}

var tmpLow = check.Check{
	Code: "system.tmp-low", Title: "The directory for temporary files has little room",
	Area: "system", Needs: []string{"disk.free_bytes"}, Config: tmpSettings{},
	Doc: check.Doc{
		Meaning: "TMPDIR, or /tmp, is a file system of its own with less than min_free_bytes (1 GiB unless set) free. pip downloads and builds wheels there, and that of PyTorch with CUDA takes nearly 1 GiB: " +
			"\"No space left on device\", although the disk has room.",
		Detection:  "statfs(2) of the directory, where it is on another file system than the root, the home and the project.",
		Cause:      "/tmp is a small tmpfs or partition, or it is full.",
		Fix:        "Point TMPDIR at a directory on a larger disk, or remove what is left in it.",
		Verify:     "df -h \"${TMPDIR:-/tmp}\" shows the free space.",
		References: []string{"https://docs.python.org/3/library/tempfile.html#tempfile.gettempdir", "https://pip.pypa.io/en/stable/topics/caching/"},
	},
	Run: runTmpLow,
}

func runTmpLow(c *check.Context) {
	var settings tmpSettings
	c.Config(&settings)
	others := rooms(c, func(d disk) bool { return d.Purpose != "tmp" })
	for _, r := range rooms(c, func(d disk) bool { return d.Purpose == "tmp" }) {
		if r.free >= settings.MinFreeBytes || slices.ContainsFunc(others, r.sameMount) {
			continue
		}
		c.Report(check.Finding{
			Severity: check.Warning,
			Subject:  r.dir,
			Detail:   fmt.Sprintf("%s of %s is free in %s: installing a large wheel ends with \"No space left on device\".", size(r.free), size(r.total), r.dir),
			Cause:    "The directory for temporary files is a small file system of its own.",
			Evidence: c.Evidence(r.addresses()...),
			Remedies: []check.Remedy{{
				ID: "move-tmp", Summary: "Use a directory on a larger disk", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"mkdir -p ~/tmp", "export TMPDIR=~/tmp"},
			}},
			Verify: []string{"df -h " + quoted(r.dir)},
		})
	}
}

type cacheSettings struct {
	MinFreeBytes int64 `json:"min_free_bytes" default:"10737418240" min:"0" doc:"Warn when less than this is free under the cache."`
}

var cacheDiskLow = check.Check{
	Code: "system.hf-cache-disk-low", Title: "The disk of the Hugging Face cache has little room",
	Area: "system", Needs: []string{"hf.cache_dir", "disk.free_bytes"}, Config: cacheSettings{},
	Doc: check.Doc{
		Meaning: "Less than min_free_bytes (10 GiB unless set) is free where models and data sets are downloaded to. The weights of a model with 7 billion parameters take about 14 GiB in 16 bits.",
		Detection: "The directory that HF_HUB_CACHE, HF_HOME or XDG_CACHE_HOME names, else ~/.cache/huggingface, and statfs(2) of its file system. " +
			"A machine that has no such directory and names none is not reported, nor one on which HF_HUB_OFFLINE is set: nothing is downloaded there.",
		Cause:  "Every revision of every model stays in the cache until it is removed.",
		Fix:    "Remove revisions that are not used, or move the cache to a larger disk with HF_HOME, or with the variable that names it now.",
		Verify: "df -h of the cache directory shows the free space.",
		References: []string{
			"https://huggingface.co/docs/huggingface_hub/guides/manage-cache",
			"https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables",
		},
	},
	Run: runCacheDiskLow,
}

func runCacheDiskLow(c *check.Context) {
	var settings cacheSettings
	c.Config(&settings)
	cache, _ := fact.Get[cacheDir](c.Facts, "hf.cache_dir")
	named := cache.FromVariable != "" && cache.FromVariable != "XDG_CACHE_HOME"
	set, _ := fact.Get[map[string]string](c.Facts, "hf.env")
	if !cache.Exists && !named || truthy(set["HF_HUB_OFFLINE"]) {
		return
	}
	for _, r := range rooms(c, func(d disk) bool { return d.Purpose == "cache" }) {
		if r.free >= settings.MinFreeBytes {
			continue
		}
		c.Report(check.Finding{
			Severity: check.Warning,
			Subject:  cache.Path,
			Detail:   fmt.Sprintf("%s is free for the cache in %s, less than %s: the download of a model that is larger ends with \"No space left on device\".", size(r.free), cache.Path, size(settings.MinFreeBytes)),
			Cause:    "The file system that holds the cache is nearly full.",
			Evidence: c.Evidence(append(r.addresses(), "hf.cache_dir")...),
			Remedies: []check.Remedy{
				{ID: "prune-hf-cache", Summary: "Remove model revisions that nothing refers to", Kind: check.Advice, Risk: check.Medium, Preview: []string{"hf cache prune"}},
				{ID: "move-hf-cache", Summary: "Or keep the cache on a larger disk", Kind: check.SetEnv, Risk: check.Low, Preview: []string{moveCache(cache)}},
			},
			Verify: []string{"df -h " + quoted(cache.Path)},
		})
	}
}

// moveCache sets the variable that counts: the two that name the cache itself win
// over HF_HOME.
func moveCache(cache cacheDir) string {
	switch name := cache.FromVariable; name {
	case "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE":
		return "export " + name + "=/path/on/a/larger/disk/huggingface/hub"
	}
	return "export HF_HOME=/path/on/a/larger/disk/huggingface"
}

// quoted makes a path safe to paste into a shell.
func quoted(name string) string {
	if strings.ContainsAny(name, " \t\n'\"\\$`*?[]#~<>|&;()!") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
