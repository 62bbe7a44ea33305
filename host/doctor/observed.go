// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Addresses of what the deeper levels observe beside imports.
const (
	ProbeDockerAddress = "probe.docker"
	ProbeReachAddress  = "probe.reach"
	ProbeDriverAddress = "probe.driver"
	BenchAddress       = "bench"
)

// Codes of the findings about it.
const (
	// EngineUnreachable: the container engine does not answer this user.
	EngineUnreachable = "probe.engine-unreachable"
	// DriverFails: NVML or CUDA's driver library cannot be initialised, and no
	// check has said so.
	DriverFails = "probe.driver-fails"
	// PlaceUnreachable: a hub or a package index does not answer.
	PlaceUnreachable = "probe.place-unreachable"
	// BenchSlower: a benchmark became slower since the last run.
	BenchSlower = "bench.slower"
)

// Bench is the result of one benchmark; see package bench.
type Bench struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Median  float64 `json:"median"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Verdict string  `json:"verdict,omitempty"`
	// Ratio is how much better it is now, and Then the median it is held against.
	Ratio float64 `json:"ratio,omitempty"`
	Then  float64 `json:"then,omitempty"`
}

// Observed returns the findings about what probes and benchmarks observed of the
// driver, the engine, the network and the speed of the machine.
func Observed(facts fact.Set, findings []report.Finding) []report.Finding {
	var out []report.Finding
	out = append(out, driverFails(facts, findings)...)
	out = append(out, engineUnreachable(facts, findings)...)
	out = append(out, unreachable(facts)...)
	return append(out, slower(facts)...)
}

// observe adds the findings about what was observed.
func (c *Checked) observe(facts fact.Set, s Selection) {
	for _, f := range Observed(facts, c.Findings) {
		if set, ok := s.Severity[f.Code]; ok {
			f.Severity = set.String()
		}
		c.Findings = append(c.Findings, f)
	}
}

// has reports whether a check has found an error or a warning of a group.
func has(findings []report.Finding, groups ...string) bool {
	for _, f := range findings {
		for _, g := range groups {
			if strings.HasPrefix(f.Code, g+".") && (f.Severity == report.Error || f.Severity == report.Warning) {
				return true
			}
		}
	}
	return false
}

func driverFails(facts fact.Set, findings []report.Finding) []report.Finding {
	type library struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	d, ok := fact.Get[struct {
		NVML library `json:"nvml"`
		CUDA library `json:"cuda"`
	}](facts, ProbeDriverAddress)
	if !ok || d.NVML.OK && d.CUDA.OK || has(findings, "gpu", "cuda") {
		return nil
	}
	failed := d.CUDA.Error
	if !d.NVML.OK {
		failed = d.NVML.Error
	}
	return []report.Finding{{
		Code: DriverFails, Area: "gpu", Severity: report.Error, Confidence: 1, Title: "The NVIDIA driver does not answer",
		Detail:   "The first calls of its libraries failed: " + report.Clean(failed) + ".",
		Cause:    "No check has found the reason in the files of this machine.",
		Evidence: facts.Evidence(ProbeDriverAddress), Explains: []string{"torch.*", TensorFailed},
		Verify: []string{"bulkhead doctor --level 2"},
	}}
}

func engineUnreachable(facts fact.Set, findings []report.Finding) []report.Finding {
	d, ok := fact.Get[struct {
		OK       bool   `json:"ok"`
		Endpoint string `json:"endpoint"`
		Error    string `json:"error"`
	}](facts, ProbeDockerAddress)
	running, _ := fact.Get[bool](facts, "docker.engine.running")
	if !ok || d.OK || !running || has(findings, "docker") {
		return nil // an engine that is not running is no fault by itself
	}
	f := report.Finding{
		Code: EngineUnreachable, Area: "docker", Severity: report.Warning, Confidence: 1, Subject: d.Endpoint,
		Title: "The container engine does not answer", Detail: "Asking it for its version failed: " + report.Clean(d.Error) + ".",
		Evidence: facts.Evidence(ProbeDockerAddress), Verify: []string{"docker info"},
	}
	if strings.Contains(d.Error, "permission denied") {
		f.Title, f.Cause = "This user may not use the container engine", "The user is not in the group of the engine's socket."
		f.Remedies = []report.Remedy{{
			ID: "join-docker-group", Kind: "system-command", Risk: "medium",
			Summary: "Join the group docker, and log in again. Whoever is in it has the rights of root.",
			Preview: []string{`sudo usermod -aG docker "$USER"`},
		}}
	}
	return []report.Finding{f}
}

// reach is what a probe of a place found; see package probe.
type reach struct {
	URL   string `json:"url"`
	OK    bool   `json:"ok"`
	Stage string `json:"stage"`
	Error string `json:"error"`
	Proxy string `json:"proxy"`
}

// stages say what a failure at a stage means, and what to do.
var stages = map[string][2]string{
	"name":    {"Its name cannot be resolved.", "Check the name servers in /etc/resolv.conf, or set HTTPS_PROXY where this network has a proxy."},
	"connect": {"No connection can be made.", "Check the firewall and the route; where this network has a proxy, set HTTPS_PROXY."},
	"proxy":   {"The proxy refuses to connect.", "Check HTTPS_PROXY and NO_PROXY, and the credentials for the proxy."},
	"tls":     {"Its certificate is not trusted.", "Name the certificates of your network in SSL_CERT_FILE and REQUESTS_CA_BUNDLE."},
	"http":    {"It does not answer as a web server does.", "Try again later; the service may be down."},
}

func unreachable(facts fact.Set) []report.Finding {
	var out []report.Finding
	for address, r := range group[reach](facts, ProbeReachAddress) {
		stage, known := stages[r.Stage]
		if r.OK || !known {
			continue
		}
		out = append(out, report.Finding{
			Code: PlaceUnreachable, Area: "system", Severity: report.Warning, Confidence: 1, Subject: r.URL,
			Title: "A place for downloads cannot be reached", Detail: report.Clean(stage[0] + " " + r.Error + "."), Cause: stage[0],
			Evidence: facts.Evidence(address),
			Remedies: []report.Remedy{{ID: "reach-" + r.Stage, Kind: "advice", Risk: "low", Summary: stage[1], Preview: []string{}}},
			Verify:   []string{"bulkhead doctor --level 2 --network"},
		})
	}
	return out
}

func slower(facts fact.Set) []report.Finding {
	var out []report.Finding
	for address, b := range group[Bench](facts, BenchAddress) {
		if b.Verdict != "slower" {
			continue
		}
		out = append(out, report.Finding{
			Code: BenchSlower, Area: "system", Severity: report.Warning, Confidence: 0.9, Subject: b.Name,
			Title:    "A benchmark became slower",
			Detail:   fmt.Sprintf("The median is %.3g %s; at the last run on this machine it was %.3g, which is %.0f %% better.", b.Median, b.Unit, b.Then, 100/b.Ratio-100),
			Cause:    "Something else uses the machine, it is throttled, or its software changed.",
			Evidence: facts.Evidence(address), Verify: []string{"bulkhead bench " + strings.SplitN(b.Name, "[", 2)[0]},
		})
	}
	return out
}
