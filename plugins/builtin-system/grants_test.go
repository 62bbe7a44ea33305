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
	glibc := laptop().with(map[string]string{"/lib/x86_64-linux-gnu/libc.so.6": "x", "/home/ada/.cache/huggingface/hub/.locks/a": ""}, nil)
	for name, m := range map[string]machine{"laptop": laptop(), "container": dockerContainer(), "full": full, "glibc": glibc} {
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
		if strings.Contains(g.Name, "TOKEN") || strings.Contains(g.Name, "PASSWORD") || strings.HasSuffix(g.Name, "*") {
			t.Errorf("grant of variable %s is too wide", g.Name)
		}
	}
}
