// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// TestCommands holds remedies and verifications to commands that fit the
// machine on which they are typed.
func TestCommands(t *testing.T) {
	service := func(path string) machine {
		return laptop().with(map[string]string{"/proc/self/cgroup": "0::" + path + "\n", "/sys/fs/cgroup" + path + "/memory.max": "1073741824\n",
			"/sys/fs/cgroup" + path + "/pids.max": "64\n", "/sys/fs/cgroup" + path + "/cpu.max": "100000 100000\n"}, nil)
	}
	pod := func(m machine) machine { return m.with(nil, env("KUBERNETES_SERVICE_HOST=10.0.0.1")) }
	podman := func(m machine) machine { return m.with(file("/run/.containerenv", ""), nil) }
	version1 := laptop().with(map[string]string{
		"/proc/self/mountinfo":                            strings.Replace(laptopMounts, "/sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot", "/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", 1),
		"/proc/self/cgroup":                               "4:memory:/job\n",
		"/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1073741824\n",
		"/sys/fs/cgroup/memory/job/memory.oom_control":    "oom_kill 2\n",
	}, nil)
	for _, tt := range []struct {
		name string
		machine
		code string
		want []string
		not  []string
	}{
		{"memory of a service", service("/system.slice/jupyter.service"), "system.cgroup-memory-low",
			[]string{"sudo systemctl set-property jupyter.service MemoryMax=4G", "cat /sys/fs/cgroup/system.slice/jupyter.service/memory.max"}, []string{"docker run"}},
		{"memory of a service of the user", service("/user.slice/user-1000.slice/user@1000.service/app.slice/lab.service"), "system.cgroup-memory-low",
			[]string{"systemctl --user set-property lab.service MemoryMax=4G"}, []string{"sudo"}},
		{"memory of a slice of the user", service("/user.slice/user-1000.slice"), "system.cgroup-memory-low", []string{"sudo systemctl set-property user-1000.slice MemoryMax=4G"}, nil},
		{"memory of podman", podman(service("/")), "system.cgroup-memory-low", []string{"podman run --memory=4g IMAGE"}, nil},
		{"memory of a Slurm job", service("/system.slice/slurmstepd.scope/job_8").with(nil, env("SLURM_JOB_ID=8")), "system.cgroup-memory-low", []string{"sbatch --mem=4G JOB.sh"}, []string{"systemctl", "docker"}},
		{"memory of version 1", version1, "system.cgroup-memory-low", []string{"cat /sys/fs/cgroup/memory/job/memory.limit_in_bytes"}, []string{"memory.max"}},
		{"kills of version 1", version1, "system.cgroup-oom-killed", []string{"cat /sys/fs/cgroup/memory/job/memory.oom_control"}, []string{"memory.events"}},
		{"tasks of a service", service("/system.slice/jupyter.service"), "system.pids-limit-low",
			[]string{"sudo systemctl set-property jupyter.service TasksMax=1024", "cat /sys/fs/cgroup/system.slice/jupyter.service/pids.max"}, []string{"docker run"}},
		{"tasks of a pod", pod(service("/")), "system.pids-limit-low", []string{"podPidsLimit: 1024"}, []string{"docker run"}},
		{"processor time of a service", service("/system.slice/jupyter.service"), "system.cgroup-cpu-throttled", []string{"grep throttled /sys/fs/cgroup/system.slice/jupyter.service/cpu.stat"}, nil},
		{"files in a pod", pod(laptop().with(limitsWith("Max open files", "256 256"), nil)), "system.nofile-low", []string{"LimitNOFILE=65536"}, []string{"docker run"}},
		{"files in podman", podman(laptop().with(limitsWith("Max open files", "256 256"), nil)), "system.nofile-low", []string{"podman run --ulimit nofile=65536 IMAGE"}, nil},
		{"files of root", laptop().with(limitsWith("Max open files", "256 256"), nil), "system.nofile-low", []string{`printf '%s\n' '* - nofile 65536' 'root - nofile 65536' | sudo tee /etc/security/limits.d/90-nofile.conf`}, nil},
		{"shared memory of LXC", laptop().with(map[string]string{"/run/systemd/container": "lxc"}, nil).disk("/dev/shm", 64<<20, 64<<20), "system.shm-small", []string{"sudo mount -o remount,size=7G /dev/shm"}, []string{"docker run"}},
		{"cache that a variable names", laptop().disk("/big", 10<<30, 1<<30).with(nil, env("HF_HUB_CACHE=/big", "HF_HOME=/home")), "system.hf-cache-disk-low", []string{"export HF_HUB_CACHE=/path/on/a/larger/disk/huggingface/hub"}, []string{"export HF_HOME"}},
		{"model that no limit of this machine holds", limited().with(file("/home/ada/train/model.safetensors.index.json", index70B), nil).sees("gpu.count", 0), "system.model-memory",
			[]string{"hf download ORG/NAME-GGUF --include '*Q4_K_M*'"}, []string{"MemoryMax", "device_map"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := tt.diagnose(t, nil)[tt.code]
			if len(fs) != 1 {
				t.Fatalf("%d findings", len(fs))
			}
			text := strings.Join(fs[0].Verify, "\n")
			for _, r := range fs[0].Remedies {
				text += "\n" + strings.Join(r.Preview, "\n")
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("lacks %q:\n%s", want, text)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) {
					t.Errorf("has %q:\n%s", not, text)
				}
			}
		})
	}
}

func TestQuotaIsRounded(t *testing.T) {
	f := laptop().with(file(leaf+"cpu.max", "100000 30000\n"), nil).diagnose(t, nil)["system.cgroup-cpu-throttled"]
	if len(f) != 1 || !strings.Contains(f[0].Detail, "the time of 3.33:") {
		t.Errorf("%+v", f)
	}
}
