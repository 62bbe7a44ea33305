// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestChecks(t *testing.T) {
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"no docker", machine{facts: gpu("570.158")}, ""},
		{"podman only", machine{tree: "-- usr/bin/podman --\n-- usr/bin/docker --\n#!/bin/sh\nexec /usr/bin/podman \"$@\"\n"}, ""},
		{"engine runs, no GPU", machine{tree: runningEngine, facts: map[string]any{"gpu.count": 0}}, ""},
		{"client alone", machine{tree: "-- usr/local/bin/docker --\nELF\n"}, "docker.engine-absent:info"},
		{"client alone, project needs it", machine{tree: "-- usr/local/bin/docker --\nELF\n-- home/ada/train/compose.yaml --\n"}, "docker.engine-absent:warning"},
		{"client with DOCKER_HOST", machine{tree: "-- usr/bin/docker --\nELF\n", env: map[string]string{"DOCKER_HOST": "ssh://box"}}, ""},
		{"client with a context", machine{tree: "-- usr/bin/docker --\nELF\n-- home/ada/.docker/contexts/meta/ab/meta.json --\n{}\n"}, ""},
		{"client in a container", machine{tree: "-- usr/bin/docker --\nELF\n", facts: map[string]any{"os.container": "docker"}}, ""},
		{"windows", machine{tree: "-- usr/bin/docker --\nELF\n", os: "windows"}, ""},
		{"desktop under WSL", machine{tree: "-- usr/bin/docker --\nELF\n-- mnt/wsl/docker-desktop/cli-tools/usr/bin/docker --\n", facts: gpu("570.158")}, ""},

		{"engine down", machine{tree: stoppedEngine}, "docker.engine-down:warning"},
		{"engine down and not enabled", machine{tree: strings.Replace(stoppedEngine, "multi-user", "other", 1)}, "docker.engine-down:info"},
		{"engine on demand", machine{tree: stoppedEngine + "-- etc/systemd/system/sockets.target.wants/docker.socket --\n"}, ""},
		{"a disk, not a system", machine{tree: strings.Replace(stoppedEngine, "proc/sys/kernel/osrelease", "nothing", 1)}, ""},
		{"pid file elsewhere", machine{tree: stoppedEngine + "-- etc/docker/daemon.json --\n{\"pidfile\": \"/x\"}\n"}, ""},
		{"rootless runs", machine{tree: stoppedEngine + "-- home/ada/.config/systemd/user/docker.service --\n-- run/user/1000/docker.pid --\n77\n",
			env: map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}}, ""},
		{"rootless down", machine{tree: stoppedEngine + "-- home/ada/.config/systemd/user/docker.service --\n",
			env: map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}}, "docker.engine-down:info"},
		{"broken configuration", machine{tree: stoppedEngine + "-- etc/docker/daemon.json --\n{\n \"debug\": true,\n}\n"},
			"docker.engine-down:warning docker.daemon-config-invalid:error"},
		{"broken configuration of no engine", machine{tree: "-- etc/docker/daemon.json --\n{\n"}, ""},

		{"GPU without toolkit", machine{tree: runningEngine, facts: gpu("570.158")}, "docker.no-nvidia-runtime:warning"},
		{"GPU with the hook alone", machine{tree: runningEngine + toolkit, facts: gpu("570.158")}, ""},
		{"GPU with toolkit and runtime", machine{tree: runningEngine + toolkit + nvidiaConfig, facts: gpu("570.158")}, ""},
		{"GPU with CDI", machine{tree: runningEngine + cdi570, facts: gpu("570.158")}, ""},
		{"runtime without its program", machine{tree: runningEngine + nvidiaConfig}, "docker.runtime-binary-missing:warning"},
		{"default runtime without its program", machine{tree: runningEngine + strings.Replace(nvidiaConfig, "{\n", "{\n\"default-runtime\": \"nvidia\",\n", 1)},
			"docker.runtime-binary-missing:error"},
		{"runtime in a place not looked at", machine{tree: runningEngine + strings.Replace(nvidiaConfig, `"nvidia-container`, `"/opt/x/nvidia-container`, 1)}, ""},
		{"CDI of an older driver", machine{tree: cdi570, facts: gpu("580.65.06")}, "docker.cdi-stale:warning"},
		{"CDI that is garbage", machine{tree: "-- etc/cdi/nvidia.yaml --\n\tkind: [\n", facts: gpu("580.65.06")}, ""},
		{"snap with GPU", machine{tree: "-- snap/bin/docker --\n-- snap/docker/current/meta/snap.yaml --\n", facts: gpu("570.158")}, "docker.snap:info"},
		{"snap without GPU", machine{tree: "-- snap/bin/docker --\n-- snap/docker/current/meta/snap.yaml --\n", facts: map[string]any{"gpu.count": 0}}, ""},

		{"container without the GPU", machine{facts: with(with(gpu("570.158"), "os.container", "docker"), "gpu.device_nodes", []int{})}, "docker.container-without-gpu:error"},
		{"container with the GPU", machine{facts: with(gpu("570.158"), "os.container", "docker")}, ""},
		{"CUDA image on a machine without GPU", machine{env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "all"},
			facts: map[string]any{"os.container": "docker", "gpu.count": 0}}, ""},
		{"container on a machine without driver", machine{facts: with(with(with(gpu(""), "os.container", "docker"), "gpu.device_nodes", []int{}), "gpu.driver.loaded", false)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := codes(tt.diagnose(t)); got != tt.want {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDaemonConfigNamesTheLine(t *testing.T) {
	m := machine{tree: runningEngine + "-- etc/docker/daemon.json --\n{\n  \"debug\": true\n  \"runtimes\": {}\n}\n"}
	f := m.diagnose(t)["docker.daemon-config-invalid"]
	if len(f) != 1 || !strings.Contains(f[0].Detail, "/etc/docker/daemon.json, line 3: not valid JSON") || f[0].Evidence[0].Line != 3 {
		t.Errorf("%+v", f)
	}
}

func TestVoidDevicesIsTheCause(t *testing.T) {
	m := machine{env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "void"},
		facts: with(with(gpu("570.158"), "os.container", "docker"), "gpu.device_nodes", []int{})}
	f := m.diagnose(t)["docker.container-without-gpu"]
	if len(f) != 1 || !strings.Contains(f[0].Cause, `"void"`) {
		t.Errorf("%+v", f)
	}
}

func TestUnquotedVersion(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		// want lists line:severity:preview of every finding.
		want []string
	}{
		{"quoted", "FROM a\nRUN pip install \"torch>=2.4\"\n", nil},
		{"log file", "FROM a\nRUN pip install torch > build.log 2>&1\n", nil},
		{"exec form", "FROM a\nRUN [\"pip\", \"install\", \"torch>=2.4\"]\n", nil},
		{"comment", "FROM a\n# RUN pip install torch>=2.4\n", nil},
		{"shell form", "FROM a\nRUN pip install torch>=2.4\n", []string{`2:warning:RUN pip install "torch>=2.4"`}},
		{"less than", "FROM a\nRUN pip install numpy<2\n", []string{`2:error:RUN pip install "numpy<2"`}},
		{"continuation", "FROM a\nRUN apt-get update \\\n # c\n && pip install -U \\\n      torch>=2.4 \\\n      numpy<2\n",
			[]string{`5:warning:      "torch>=2.4" \`, `6:error:      "numpy<2"`}},
		{"two on a line", "RUN pip install a>=1 b<2,>1 c\n", []string{
			`1:warning:RUN pip install "a>=1" "b<2,>1" c`, `1:error:RUN pip install "a>=1" "b<2,>1" c`}},
		{"heredoc", "FROM a\nRUN <<EOF\nset -e\npip install torch>=2.4\nEOF\n", []string{`4:warning:pip install "torch>=2.4"`}},
		{"inner shell", "RUN bash -c \"pip install torch>=2.4\"\n", []string{`1:warning:RUN bash -c "pip install 'torch>=2.4'"`}},
		{"exec form of a shell", "RUN [\"sh\", \"-c\", \"pip install torch>=2.4\"]\n", []string{`1:warning:"torch>=2.4"`}},
		{"cache mount", "RUN --mount=type=cache,target=/root/.cache/pip pip install torch>=2.4\n",
			[]string{`1:warning:RUN --mount=type=cache,target=/root/.cache/pip pip install "torch>=2.4"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := machine{tree: inProject(tt.file)}.diagnose(t)["dockerfile.unquoted-version"]
			var got []string
			for _, f := range found {
				_, line, _ := strings.Cut(f.Subject, "Dockerfile:")
				got = append(got, line+":"+f.Severity.String()+":"+f.Remedies[0].Preview[0])
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestProjectFiles(t *testing.T) {
	tree := ""
	for _, name := range []string{"Dockerfile", "Dockerfile.gpu", "Dockerfile.dockerignore", "train.dockerfile", "Containerfile", "compose.yaml", "docker-compose.dev.yml", "README.md"} {
		tree += "-- home/ada/train/" + name + " --\nRUN x\n"
	}
	var got []string
	for _, f := range projectFiles(machine{tree: tree}.target(t)) {
		got = append(got, strings.TrimPrefix(f.Path, "/home/ada/train/")+"="+f.Kind)
	}
	want := "Dockerfile=dockerfile Dockerfile.gpu=dockerfile train.dockerfile=dockerfile Containerfile=dockerfile docker-compose.dev.yml=compose compose.yaml=compose"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

// TestDocs keeps every page of `bulkhead explain` whole.
func TestDocs(t *testing.T) {
	for _, c := range checks() {
		d := c.Doc
		for part, text := range map[string]string{"meaning": d.Meaning, "detection": d.Detection, "cause": d.Cause, "fix": d.Fix, "verify": d.Verify} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s is not a sentence: %q", c.Code, part, text)
			}
		}
		if len(d.References) == 0 || c.Title == "" || c.Area != "docker" || strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: incomplete %+v", c.Code, c)
		}
	}
}
