// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var (
	when = time.Date(2026, 11, 5, 8, 30, 0, 0, time.UTC)
	tool = Tool{Name: "bulkhead", Version: "0.1.0"}
	box  = Sandbox{Level: "full", Profile: "collector", Verified: true, Fallen: []string{"level full+quota: step cgroup: permission denied"}, Refused: []Refusal{{What: "socket", Count: 4, Grant: "net HOST:PORT"}}, Skipped: []string{"/etc/x: no such file or directory"}, Walls: []Wall{
		{Name: "mount namespace", On: true, Detail: "read-only root with 12 of 14 grants"},
		{Name: "network namespace", On: true, Detail: "no network, not even loopback"},
		{Name: "seccomp", On: false, Detail: "not part of this version"},
	}}
	digest = "sha256:" + strings.Repeat("0123456789abcdef", 4)
)

// sick is a machine with one cause of many troubles, and smaller ones.
func sick() Doctor {
	driver := Finding{
		ID: "gpu.driver-missing", Code: "gpu.driver-missing", Area: "gpu", Severity: Error, Confidence: 1,
		Title:  "The NVIDIA driver is not loaded",
		Detail: "2 NVIDIA GPUs are on the PCI bus and no kernel module drives them, so that no program on this machine can use them.",
		Cause:  "The running kernel 6.8.0-45-generic has no nvidia.ko; the module on disk is for 6.8.0-41-generic.",
		Evidence: []fact.Evidence{
			{Fact: "gpu.pci", Path: "/sys/bus/pci/devices/0000:01:00.0/vendor", Line: 1, Value: "0x10de"},
			{Fact: "gpu.driver.on_disk", Path: "/lib/modules/6.8.0-41-generic/updates/dkms/a-directory-with-a-very-long-name/nvidia.ko.zst"},
			{Fact: "os.kernel", Call: "uname", Value: "6.8.0-45-generic"},
		},
		Explains: []string{"torch.*", "docker.gpu-runtime-missing"},
		Remedies: []Remedy{
			{ID: "dkms", Summary: "Build the module for the running kernel, then load it.", Kind: "system-command", Risk: "medium", Preview: []string{
				"sudo apt-get install linux-headers-6.8.0-45-generic", "sudo dkms autoinstall -k 6.8.0-45-generic --force --verbose --all-the-options-there-are",
				"# loads the module without a reboot", "sudo modprobe nvidia",
			}},
			{ID: "boot", Summary: "Boot the older kernel.", Kind: "advice", Risk: "low", Preview: []string{}},
		},
		Verify: []string{"cat /proc/driver/nvidia/version"}, Plugin: "gpu",
	}
	torch := Finding{
		ID: "torch.cuda-unavailable[/opt/venv]", Code: "torch.cuda-unavailable", Area: "frameworks", Severity: Error, Confidence: 0.9,
		Subject: "/opt/venv", Title: "torch cannot see a GPU", Detail: "torch 2.4.0+cu124 finds no driver.", RootCause: driver.ID, Plugin: "python",
	}
	docker := Finding{
		ID: "docker.gpu-runtime-missing", Code: "docker.gpu-runtime-missing", Area: "docker", Severity: Warning, Confidence: 1,
		Title: "Containers cannot use the GPUs", Detail: "No nvidia runtime and no CDI specification is there.", RootCause: driver.ID, Plugin: "docker",
	}
	shm := Finding{
		ID: "system.shm-small", Code: "system.shm-small", Area: "system", Severity: Warning, Confidence: 1,
		Title:  "/dev/shm is smaller than data loaders with several workers need",
		Detail: "It has 64 MiB. A worker that fills it dies with a bus error.", Plugin: "system",
		Evidence: []fact.Evidence{{Fact: "shm.total_bytes", Call: "statfs", Value: "67108864"}},
		Remedies: []Remedy{{ID: "remount", Summary: "Remount it with more room.", Kind: "system-command", Risk: "low", Preview: []string{"sudo mount -o remount,size=8G /dev/shm"}}},
	}
	newer := Finding{
		ID: "torch.too-new[/opt/new]", Code: "torch.too-new", Area: "frameworks", Severity: Unknown, Confidence: 1, Subject: "/opt/new",
		Title: "torch 9.0 is newer than the tables", Detail: "Whether it works with this driver is not known.", Plugin: "python",
	}
	note := Finding{
		ID: "python.user-site", Code: "python.user-site", Area: "python", Severity: Info, Confidence: 1,
		Title: "Packages in the user's site directory are visible", Detail: "3 packages come from ~/.local.", Plugin: "python",
	}
	return Doctor{
		SchemaVersion: SchemaVersion, Tool: tool, Target: Target{Kind: TargetMachine, OS: "linux", Arch: "amd64"},
		StartedAt: when, DurationMS: 123.456, Level: 1,
		Summary: Summary{Errors: 2, Warnings: 2, Infos: 1, Unknown: 1, ChecksRun: 31, ChecksSkipped: 2, Worst: Error},
		Areas: []Area{
			{"gpu", Error, driver.Title},
			{"cuda", Healthy, "toolkit 12.4, /usr/local/cuda-12.4"},
			{"python", Info, "3.11.7 venv, 143 packages"},
			{"frameworks", Error, "torch cannot see a GPU (because of gpu.driver-missing), and 1 more"},
			{"docker", Warning, "Containers cannot use the GPUs (because of gpu.driver-missing)"},
			{"system", Warning, shm.Title},
		},
		RootCauses: []RootCause{
			{ID: driver.ID, Code: driver.Code, Severity: Error, Title: driver.Title, Explains: []string{torch.ID, docker.ID}},
			{ID: shm.ID, Code: shm.Code, Severity: Warning, Title: shm.Title},
		},
		Findings: []Finding{driver, torch, docker, shm, newer, note},
		Skipped: []Skip{
			{Code: "gpu.ecc", Reason: "fact gpu.nvml.status was not observed"},
			{Code: "python.jupyter", Reason: "skipped by suite training_box"},
		},
		Plugins: []Plugin{{Name: "gpu", Version: "0.1.0", Digest: digest, Sandbox: box, DurationMS: 12.5}},
		Diagnostics: []Diagnostic{
			{Severity: Warning, Summary: "Collector caches failed", Plugin: "python",
				Detail: "Its facts are incomplete, and checks that need them are skipped: permission denied.", Debug: "goroutine 7 [running]:\nmain.main()"},
		},
	}
}

// judged is the sick machine of somebody who has a policy: a finding is
// waived, one subject is left out, and every check says what became of it.
func judged() Doctor {
	d := sick()
	d.Findings = append(d.Findings, Finding{
		ID: "gpu.persistence-off[GPU 0]", Code: "gpu.persistence-off", Area: "gpu", Severity: Warning, Confidence: 1, Subject: "GPU 0",
		Title: "Persistence mode is off", Detail: "Each first use of a GPU takes seconds.", Plugin: "gpu",
		Waived: &Waiver{Name: "slow_start", Until: "2027-01-31", Reason: "the cluster team decides", By: "ada"},
	}, Finding{
		ID: "dockerfile.missing-cuda-index[/home/ada/train/Dockerfile]", Code: "dockerfile.missing-cuda-index", Area: "docker", Severity: Warning, Confidence: 1,
		Subject: "/home/ada/train/Dockerfile", Title: "pip installs torch without the index for CUDA", Plugin: "docker",
		Evidence: []fact.Evidence{{Path: "/home/ada/.config/pip/pip.conf", Line: 2, Value: "[global]"}, {Path: "/home/ada/train/docker files/Dockerfile", Line: 7, Value: "RUN pip install torch"}},
	})
	d.RootCauses = append(d.RootCauses, RootCause{ID: d.Findings[7].ID, Code: d.Findings[7].Code, Severity: Warning, Title: d.Findings[7].Title})
	d.Summary.Waived, d.Summary.Warnings = 1, 3
	d.Skipped = append(d.Skipped, Skip{Code: "system.disk-low", Subject: "/mnt/backup", Reason: "full on purpose"})
	d.Plugins[0].Cached = true
	d.Checks = []CheckResult{
		{Code: "docker.gpu-runtime-missing", Area: "docker", Title: "Containers cannot use the GPUs", Status: CheckFound, Plugin: "docker"},
		{Code: "dockerfile.missing-cuda-index", Area: "docker", Title: "pip installs torch without the index for CUDA", Status: CheckFound, Plugin: "docker"},
		{Code: "gpu.driver-missing", Area: "gpu", Title: "The NVIDIA driver is not loaded", Status: CheckFound, Plugin: "gpu"},
		{Code: "gpu.ecc", Area: "gpu", Title: "ECC errors", Status: Skipped, Plugin: "gpu"},
		{Code: "gpu.persistence-off", Area: "gpu", Title: "Persistence mode is off", Status: CheckFound, Plugin: "gpu"},
		{Code: "gpu.xid", Area: "gpu", Title: "The driver reported an error", Status: CheckPassed, Plugin: "gpu"},
		{Code: "python.crashing", Area: "python", Title: "A check that crashes", Status: CheckCrashed, Plugin: "python"},
		{Code: "python.jupyter", Area: "python", Status: Skipped, Plugin: "python"},
		{Code: "python.user-site", Area: "python", Title: "Packages in the user's site directory are visible", Status: CheckFound, Plugin: "python"},
		{Code: "system.shm-small", Area: "system", Title: "/dev/shm is small", Status: CheckFound, Plugin: "system"},
		{Code: "torch.cuda-unavailable", Area: "frameworks", Title: "torch cannot see a GPU", Status: CheckFound, Plugin: "python"},
		{Code: "torch.too-new", Area: "frameworks", Title: "torch is newer than the tables", Status: CheckFound, Plugin: "python"},
	}
	return d
}

// healthy is a machine without a fault.
func healthy() Doctor {
	return Doctor{
		Tool: tool, Target: Target{Kind: TargetRoot, Path: "/mnt/disk"}, StartedAt: when, DurationMS: 41, Level: 1,
		Summary: Summary{ChecksRun: 30, Worst: Healthy},
		Areas:   []Area{{"gpu", Healthy, "2 x NVIDIA A100-SXM4-80GB, driver 550.54.15 (open)"}, {"docker", Skipped, "nothing found"}},
	}
}

// deceitful is what a plugin that wants to drive the terminal says.
func deceitful() Doctor {
	bad := "a\x1b[31mred\x1b[0m \x1b]0;title\x07\u202egnirts\u202c\u009b2Jcleared\r\nnext\tline\u2028end 漢字漢字 e\u0301"
	f := Finding{
		ID: "x.y", Code: "x.y", Area: "x", Severity: Error, Confidence: 1, Title: bad, Detail: strings.Repeat(bad+" ", 9), Cause: bad, Subject: bad,
		Evidence: []fact.Evidence{{Path: "/tmp/" + strings.Repeat(bad, 5), Line: 3, Value: bad}, {Value: strings.Repeat("漢", 200)}},
		Remedies: []Remedy{{Summary: bad, Preview: []string{bad, strings.Repeat("word ", 60)}}}, Verify: []string{bad},
	}
	return Doctor{
		Tool: tool, StartedAt: when, Summary: Summary{Errors: 1, Worst: Error},
		Areas:       []Area{{bad, Error, strings.Repeat(bad, 9)}},
		RootCauses:  []RootCause{{ID: f.ID, Code: f.Code, Severity: Error, Title: bad}},
		Findings:    []Finding{f},
		Skipped:     []Skip{{Code: bad, Reason: strings.Repeat(bad, 5)}},
		Plugins:     []Plugin{{Name: bad, Version: bad, Digest: bad, Sandbox: Sandbox{Level: bad, Walls: []Wall{{Name: bad, On: true}}}}},
		Diagnostics: []Diagnostic{{Severity: Error, Summary: bad, Detail: bad, Plugin: bad, Debug: bad}},
	}
}

const leaderboard = `{
  "leaderboard": [
    {"rank": 1, "name": "logistic_c1", "kind": "logistic", "status": "ok", "score_mean": 0.98070175, "score_sd": 0.0062, "fold_scores": [0.97, 0.98], "folds_done": 5, "metrics": {"f1": 0.97}, "fit_seconds": 0.1234, "predict_seconds": 0.002},
    {"rank": 2, "name": "knn_5", "kind": "knn", "status": "ok", "score_mean": 0.9649, "score_sd": 0.011, "folds_done": 5, "fit_seconds": 0.01, "predict_seconds": 0.2},
    {"rank": 0, "name": "ridge", "kind": "ridge", "status": "timeout", "reason": "the budget of 60 s ran out", "score_mean": null, "score_sd": null, "folds_done": 3, "fit_seconds": 40, "predict_seconds": 0}
  ],
  "model": {"name": "logistic_c1", "c": 1, "standardize": true},
  "verdict": "logistic_c1 has the best accuracy and beats the baseline by 0.353 (p = 1.2e-05).",
  "metrics": {"accuracy": {"mean": 0.98070175, "sd": 0.0062}, "log_loss": 0.08123, "rows": 569},
  "folds": 5,
  "classes": ["benign", "malignant"],
  "comparisons": [{"against": "knn_5", "p": 0.03}]
}`

const quality = `{"quality_score": 0.9312, "quality_score_breakdown": {"completeness": 1, "validity": {"score": 0.75, "weight": 0.2}, "uniqueness": 0.9983, "note": "ok"}, "imputed_cells": 12345678901234567}`

// ran is a run with every kind of report.
func ran() Run {
	return Run{
		Tool: tool, RunID: "5c7be21fa0b3d9e4", Pipeline: "churn", Status: RunOK, StartedAt: when, DurationMS: 2345,
		Preflight: &Preflight{Suite: "training_box", Summary: Summary{Warnings: 1, ChecksRun: 12, Worst: Warning},
			Areas:      []Area{{"system", Warning, "/dev/shm is small"}},
			RootCauses: []RootCause{{ID: "system.shm-small", Code: "system.shm-small", Severity: Warning, Title: "/dev/shm is small", Explains: []string{}}}},
		Nodes: []Node{
			{Name: "source.rows", Use: "csv", Status: RunOK, WallMS: 12, RowsOut: 569, BytesOut: 140_000, Attempts: 1},
			{Name: "kernel.clean", Use: "data.prepare", Status: RunOK, WallMS: 120, RowsIn: 569, RowsOut: 565, RowsDropped: 4, BytesIn: 140_000, BytesOut: 139_000, Attempts: 1,
				State: &State{Bytes: 4096, SHA256: digest[len("sha256:"):]}, Report: Raw(quality)},
			{Name: "kernel.model", Use: "algorithms.auto", Status: RunOK, WallMS: 2100, RowsIn: 565, RowsOut: 565, BytesIn: 139_000, BytesOut: 9_000, Attempts: 1,
				State: &State{Bytes: 2048, SHA256: digest[len("sha256:"):]}, Report: Raw(leaderboard)},
		},
		Plugins: []Plugin{{Name: "data", Version: "0.1.0", Digest: digest, Sandbox: box, DurationMS: 99}},
	}
}

// broke is a run that failed in the middle.
func broke() Run {
	r := ran()
	r.Status, r.Preflight = RunFailed, nil
	r.Nodes[1].Status, r.Nodes[1].Reason, r.Nodes[1].Report = RunFailed, "the plugin was killed: it used more memory than its limit of 512 MiB", nil
	r.Nodes[2] = Node{Name: "kernel.model", Use: "algorithms.auto", Status: Skipped, Reason: "kernel.clean failed"}
	r.Nodes[0].Diagnostics = []Diagnostic{{Severity: Warning, Summary: "4 rows have a field too many", Detail: "They were dropped: lines 3, 9, 12, 40."}}
	r.Error = &ErrorInfo{Summary: "Kernel clean failed", Detail: "The plugin was killed. Raise its limit in the sandbox block, or read fewer rows.", Diagnostics: []Diagnostic{{
		Severity: Error, Summary: "Unsupported argument", Detail: "Did you mean quality_threshold?", Plugin: "data", Path: []string{"quality_treshold"},
		Range:   &Range{File: "bulkhead.hcl", Start: Pos{12, 5, 200}, End: Pos{12, 21, 216}},
		Snippet: &Snippet{Context: `kernel "clean"`, Code: "    quality_treshold = 0.8", Start: 4, Length: 16},
	}}}
	return r
}

func observed() Facts {
	return Facts{
		SchemaVersion: SchemaVersion, Tool: tool, Target: Target{Kind: TargetMachine, OS: "linux", Arch: "amd64"}, CollectedAt: when,
		Facts: []fact.Fact{
			{Address: "cpu.count", Value: json.RawMessage("16"), Evidence: []fact.Evidence{{Path: "/proc/cpuinfo", Line: 27, Value: "processor : 15"}}},
			{Address: "docker.socket", Unknown: "permission denied"},
			{Address: "gpu.driver.library_version", Value: json.RawMessage("null")},
			{Address: "python.env[/opt/venv].packages", Value: json.RawMessage(`[{"name":"numpy","version":"2.1.0"},{"name":"torch","version":"2.4.0"},{"name":"transformers","version":"4.44.0"}]`)},
		},
		Diagnostics: []Diagnostic{{Severity: Warning, Summary: "Collector caches failed", Plugin: "python"}},
	}
}

func failed() Failure {
	return Failure{Tool: tool, ExitCode: 78, Error: *broke().Error}
}
