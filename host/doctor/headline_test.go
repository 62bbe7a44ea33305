// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

type values = map[string]any

func TestHeadline(t *testing.T) {
	list := func(v ...values) []values { return v }
	pkg := func(name, version string) values { return values{"name": name, "version": version} }
	for _, tt := range []struct {
		what, area string
		facts      values
		want       string
	}{
		{"nothing known", "gpu", nil, NothingFound},
		{"no GPU", "gpu", values{"gpu.count": 0}, "no NVIDIA GPU"},
		{"Jetson", "gpu", values{"gpu.count": 0, "gpu.integrated": values{"name": "Jetson", "release": "36.4.3"}}, "integrated GPU of a Jetson, Jetson Linux 36.4.3"},
		{"GPU without a driver", "gpu", values{"gpu.count": 2}, "2 NVIDIA GPUs"},
		{"two kinds", "gpu", values{"gpu.devices": list(values{"name": "NVIDIA A100"}, values{"name": "NVIDIA T4"}, values{"name": "NVIDIA A100"}), "gpu.driver.version": "550.54.15", "gpu.driver.flavor": "open"},
			"2 x NVIDIA A100, NVIDIA T4, driver 550.54.15 (open)"},
		{"driver alone", "gpu", values{"gpu.driver.version": "550.54.15"}, "driver 550.54.15"},
		{"a fact of another type", "gpu", values{"gpu.count": "many", "gpu.devices": "?"}, NothingFound},
		{"no toolkit", "cuda", values{"cuda.toolkits": list()}, "no toolkit installed"},
		{"toolkit", "cuda", values{"cuda.toolkits": list(values{"path": "/usr/local/cuda-12.4", "version": "12.4"})}, "toolkit 12.4, /usr/local/cuda-12.4"},
		{"toolkits", "cuda", values{"cuda.toolkits": list(values{"version": "11.8"}, values{"version": "12.4"})}, "toolkits 11.8, 12.4"},
		{"one environment", "python", values{"python.envs": list(values{"prefix": "/v", "version": "3.11.7", "kind": "venv"}), "python.env[/v].packages": list(pkg("a", "1"), pkg("b", "2"))},
			"3.11.7 venv, 2 packages"},
		{"environments without the list", "python", values{"python.env[/v].version": "3.11.7", "python.env[/v].kind": "venv", "python.env[/w].version": "3.11.7", "python.env[/w].kind": "venv"},
			"2 environments, 2 x 3.11.7 venv"},
		{"no environment", "python", values{"python.envs": list()}, NothingFound},
		{"frameworks", "frameworks", values{"python.envs": list(values{"prefix": "/v"}, values{"prefix": "/w"}),
			"python.env[/v].packages": list(pkg("Torch", "2.4.0"), pkg("jax", "0.4.30"), pkg("requests", "2")),
			"python.env[/w].packages": list(pkg("torch", "2.1.0"), pkg("scikit_learn", "1.5")),
			"python.env[/v].torch":    values{"version": "2.4.0", "cuda": "12.4"}, "python.env[/w].torch": values{"hip": "6.0"}},
			"torch 2.1.0 (ROCm 6.0) and 2.4.0 (CUDA 12.4), jax 0.4.30, scikit-learn 1.5"},
		{"no framework", "frameworks", values{"python.envs": list(values{"prefix": "/v"})}, "none installed"},
		{"docker absent", "docker", values{"docker.engine.installed": false}, "not installed"},
		{"docker runs", "docker", values{"docker.engine.installed": true, "docker.engine.running": true, "docker.client.version": "27.1", "docker.runtimes": []any{"runc", values{"name": "nvidia"}}},
			"engine running, client 27.1, runtimes runc nvidia"},
		{"docker of a user", "docker", values{"docker.engine.installed": true, "docker.engine.flavor": "rootless"}, "engine installed (rootless)"},
		{"docker as usual", "docker", values{"docker.engine.installed": true, "docker.engine.running": true, "docker.engine.flavor": "docker"}, "engine running"},
		{"docker down", "docker", values{"docker.engine.installed": true, "docker.engine.running": false}, "engine not running"},
		{"system", "system", values{"os.pretty_name": "Debian GNU/Linux 12 (bookworm)", "os.kernel": "6.18.0", "cpu.count": 2, "memory.total_bytes": 8 << 30, "os.container": "docker"},
			"Debian GNU/Linux 12 (bookworm), 2 CPUs, 8.0 GiB, in docker, kernel 6.18.0"},
		{"system without a name", "system", values{"os.id": "alpine", "os.version_id": "3.20", "os.container": "", "cpu.count": 1}, "alpine 3.20, 1 CPU"},
		{"another area", "network", values{"cpu.count": 1}, "nothing wrong was found"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if got := Headline(tt.area, machine(t, tt.facts)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHeadlineOfUnknownFacts(t *testing.T) {
	facts := fact.NewSet([]fact.Fact{{Address: "gpu.count", Unknown: "permission denied"}, {Address: "gpu.driver.version", Unknown: "permission denied"}})
	if got := Headline("gpu", facts); got != NothingFound {
		t.Errorf("got %q", got)
	}
}
