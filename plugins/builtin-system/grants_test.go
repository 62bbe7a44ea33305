// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// TestGrantsSuffice observes machines whole and through the manifest's grants:
// both must say the same, or the sandboxed plugin is blind to something.
func TestGrantsSuffice(t *testing.T) {
	full := laptop().with(map[string]string{
		infiniband: "InfiniBand\n", leaf + "memory.max": "8589934592\n", leaf + "memory.events": "oom_kill 3\n", leaf + "pids.max": "9\n",
		"/big/hub/version.txt": "1", "/etc/ca.pem": "x", "/run/systemd/container": "lxc\n", "/lib/ld-musl-x86_64.so.1": "x",
	}, map[string]string{
		"HF_HOME": "/big", "SSL_CERT_FILE": "/etc/ca.pem", "REQUESTS_CA_BUNDLE": "/none", "PIP_CERT": "/etc/ca.pem", "http_proxy": "p:1", "ALL_PROXY": "q:1",
		"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "2", "container": "lxc",
	})
	cluster := laptop().with(map[string]string{
		dmiDir + "sys_vendor": "Amazon EC2\n", dmiDir + "product_name": "p5.48xlarge\n", cpuinfoFile: "flags : fpu hypervisor\n",
		"/var/run/secrets/kubernetes.io/serviceaccount/namespace": "train", "/etc/pip.conf": "[global]\nindex-url = https://a\n",
		"/home/ada/.config/uv/uv.toml": "index-url = \"https://a\"\n", "/home/ada/train/uv.toml": "index-url = \"https://b\"\n", "/opt/env/pip.conf": "[global]\nno-index = 1\n",
		hub + "/models--a--b/blobs/1.incomplete": "xx", hub + "/models--a--b/snapshots/r/model.safetensors": "-> ../../blobs/1.incomplete",
		"/home/ada/train/out/pytorch_model.bin": "xxxx", "/home/ada/train/m.gguf": "xx", "/run/secrets/hf": "x",
	}, map[string]string{
		"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "0,1", "SLURM_MEM_PER_NODE": "9000", "KUBERNETES_SERVICE_HOST": "10.0.0.1", "NVIDIA_VISIBLE_DEVICES": "void",
		"CUDA_VISIBLE_DEVICES": "NoDevFiles", "VIRTUAL_ENV": "/opt/env", "HF_TOKEN_PATH": "/run/secrets/hf", "UV_INDEX": "https://u:p@c", "no_proxy": "a",
		"HF_ENDPOINT": "x", "NCCL_P2P_DISABLE": "1", "NCCL_P2P_LEVEL": "NVL", "OMP_THREAD_LIMIT": "3",
	})
	cloudInit := laptop().with(map[string]string{"/run/cloud-init/cloud-id": "gce\n", "/sys/hypervisor/type": "xen\n"}, nil)
	mac := laptop().with(map[string]string{versionPlist: plist("15.1"), rosettaRuntime: "x"}, nil).on("darwin", "amd64")
	glibc := laptop().with(map[string]string{"/lib/x86_64-linux-gnu/libc.so.6": "x", "/home/ada/.cache/huggingface/hub/.locks/a": ""}, nil)
	for name, m := range map[string]machine{"laptop": laptop(), "container": dockerContainer(), "full": full, "glibc": glibc,
		"cluster": cluster, "cloud-init": cloudInit, "mac": mac} {
		t.Run(name, func(t *testing.T) {
			plugintest.GrantsSuffice(t, "manifest.json", m.target(t), collectors()...)
		})
	}
}

// TestGrantsAreNarrow keeps secrets and whole trees out of the manifest.
func TestGrantsAreNarrow(t *testing.T) {
	for _, g := range plugintest.Grants(t, "manifest.json") {
		for _, forbidden := range []string{"/proc", "/home", "~", "./", "/run", "/etc", "/dev/shm", "docker.sock", "token"} {
			if g.Path == forbidden || len(forbidden) > 6 && strings.Contains(g.Path, forbidden) {
				t.Errorf("grant of %s is too wide", g.Path)
			}
		}
		// HF_TOKEN_PATH is a path; the token is in the file and in HF_TOKEN.
		if strings.Contains(g.Name, "TOKEN") && g.Name != "HF_TOKEN_PATH" || strings.Contains(g.Name, "PASSWORD") || strings.HasSuffix(g.Name, "*") {
			t.Errorf("grant of variable %s is too wide", g.Name)
		}
	}
}
