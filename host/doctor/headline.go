// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// The headlines of an area without facts, and of one whose facts are not known
// to this package.
const (
	NothingFound = "nothing found"
	NothingWrong = "nothing wrong was found"
)

// headlines build a line from the facts of an area. An empty line means that
// nothing was found. Each reads the facts that the built-in plugins document,
// and leaves out what is absent.
var headlines = map[string]func(fact.Set) string{
	"gpu":        gpuLine,
	"cuda":       cudaLine,
	"python":     pythonLine,
	"frameworks": frameworksLine,
	"docker":     dockerLine,
	"system":     systemLine,
}

// Headline says in one line what an area of a machine consists of, for example
// "Debian GNU/Linux 12, 16 CPUs, 62.8 GiB, kernel 6.1.0".
func Headline(area string, facts fact.Set) string {
	build, ok := headlines[area]
	if !ok {
		return NothingWrong
	}
	if line := build(facts); line != "" {
		return line
	}
	return NothingFound
}

// joined puts the parts that are there into a line.
func joined(parts ...string) string {
	var there []string
	for _, p := range parts {
		if p != "" {
			there = append(there, p)
		}
	}
	return strings.Join(there, ", ")
}

// with puts a word before a value that is there.
func with(word, value string) string {
	if value == "" {
		return ""
	}
	return word + " " + value
}

// count returns "1 CPU", "16 CPUs", or nothing for none.
func count(n int64, noun string) string {
	switch {
	case n <= 0:
		return ""
	case n == 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// instanceValue decodes the fact of one instance.
func instanceValue[T any](s fact.Set, group, key, field string) T {
	v, _ := fact.Get[T](s, fact.At(group, key, field))
	return v
}

func gpuLine(s fact.Set) string {
	type device struct {
		Name string `json:"name"`
	}
	devices, _ := fact.Get[[]device](s, "gpu.devices")
	var names []string
	for _, d := range devices {
		names = append(names, d.Name)
	}
	what := grouped(names)
	if n, ok := s.Int("gpu.count"); what == "" && ok {
		if n == 0 {
			return integratedGPU(s)
		}
		what = count(n, "NVIDIA GPU")
	}
	return joined(what, with("driver", driverVersion(s)))
}

// integratedGPU speaks of a machine without a GPU on its bus, as Jetsons are.
func integratedGPU(s fact.Set) string {
	type integrated struct {
		Name    string `json:"name"`
		Release string `json:"release"`
	}
	gpu, ok := fact.Get[integrated](s, "gpu.integrated")
	if !ok {
		return "no NVIDIA GPU"
	}
	return joined("integrated GPU of a "+gpu.Name, with("Jetson Linux", gpu.Release))
}

func driverVersion(s fact.Set) string {
	version := s.String("gpu.driver.version")
	if flavor := s.String("gpu.driver.flavor"); version != "" && flavor != "" {
		return version + " (" + flavor + ")"
	}
	return version
}

// grouped counts equal names: "2 x A100, T4".
func grouped(names []string) string {
	counts := map[string]int{}
	var order []string
	for _, name := range names {
		if name == "" {
			continue
		}
		if counts[name]++; counts[name] == 1 {
			order = append(order, name)
		}
	}
	for i, name := range order {
		if counts[name] > 1 {
			order[i] = fmt.Sprintf("%d x %s", counts[name], name)
		}
	}
	return strings.Join(order, ", ")
}

func cudaLine(s fact.Set) string {
	type toolkit struct {
		Path    string `json:"path"`
		Version string `json:"version"`
	}
	toolkits, ok := fact.Get[[]toolkit](s, "cuda.toolkits")
	switch {
	case ok && len(toolkits) == 0:
		return "no toolkit installed"
	case len(toolkits) == 1:
		return joined("toolkit "+toolkits[0].Version, toolkits[0].Path)
	}
	var versions []string
	for _, t := range toolkits {
		versions = append(versions, t.Version)
	}
	return with("toolkits", joined(versions...))
}

func dockerLine(s fact.Set) string {
	installed, known := fact.Get[bool](s, "docker.engine.installed")
	if known && !installed {
		return "not installed"
	}
	engine := ""
	if running, ok := fact.Get[bool](s, "docker.engine.running"); ok {
		engine = "engine not running"
		if running {
			engine = "engine running"
		}
	} else if installed {
		engine = "engine installed"
	}
	if flavor := s.String("docker.engine.flavor"); engine != "" && flavor != "" && flavor != "docker" {
		engine += " (" + flavor + ")"
	}
	runtimes := strings.Join(runtimeNames(s), " ")
	return joined(engine, with("client", s.String("docker.client.version")), with("runtimes", runtimes))
}

// runtimeNames reads a list of names, or of objects with a name.
func runtimeNames(s fact.Set) []string {
	items, _ := fact.Get[[]json.RawMessage](s, "docker.runtimes")
	var out []string
	for _, item := range items {
		var name string
		var named struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(item, &name) != nil && json.Unmarshal(item, &named) == nil {
			name = named.Name
		}
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

func systemLine(s fact.Set) string {
	name := s.String("os.pretty_name")
	if name == "" {
		name = strings.TrimSpace(s.String("os.id") + " " + s.String("os.version_id"))
	}
	cpus, _ := s.Int("cpu.count")
	memory := ""
	if bytes, ok := s.Int("memory.total_bytes"); ok {
		memory = fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return joined(name, count(cpus, "CPU"), memory, with("in", s.String("os.container")), with("kernel", s.String("os.kernel")))
}
