// SPDX-License-Identifier: Apache-2.0

package compose

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func one(t *testing.T, body string) Service {
	t.Helper()
	services, err := Parse([]byte("services:\n  app:\n" + body))
	if err != nil || len(services) != 1 || services[0].Line != 2 {
		t.Fatalf("%+v, %v", services, err)
	}
	return services[0]
}

func TestGPU(t *testing.T) {
	for _, tt := range []struct {
		name, body    string
		gpu, reserved bool
	}{
		{"none", "    image: a\n", false, false},
		{"reservation", "    deploy:\n      resources:\n        reservations:\n          devices:\n            - driver: nvidia\n              count: all\n              capabilities: [gpu]\n", true, true},
		{"reservation in one line", "    deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}\n", true, true},
		{"reservation of a CDI device", "    deploy: {resources: {reservations: {devices: [{driver: cdi, device_ids: [nvidia.com/gpu=all]}]}}}\n", true, true},
		{"gpus", "    gpus: all\n", true, true},
		{"runtime", "    runtime: nvidia\n", true, false},
		{"another runtime", "    runtime: runsc\n", false, false},
		{"device node", "    devices:\n      - /dev/nvidia0:/dev/nvidia0\n", true, false},
		{"limits only", "    deploy: {resources: {limits: {memory: 4g}}}\n", false, false},
		{"wrong types", "    deploy: [1]\n    devices: x\n    gpus:\n", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s := one(t, tt.body); s.GPU != tt.gpu || s.Reserved != tt.reserved {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestMergedAnchors(t *testing.T) {
	services, err := Parse([]byte(`x-gpu: &gpu
  deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}
x-shm: &shm
  shm_size: 8gb
services:
  a:
    <<: *gpu
    image: nvidia/cuda:12.4.1-base-ubuntu22.04
  b:
    <<: [*shm, *gpu]
  c:
    image: ${REGISTRY:-docker.io}/x:${TAG-1}
  d:
    image: x:${TAG}
`))
	if err != nil || len(services) != 4 {
		t.Fatalf("%+v, %v", services, err)
	}
	if !services[0].GPU || services[0].ImageLine != 8 || services[0].Line != 6 || !services[1].GPU || services[1].ShmBytes != 8<<30 {
		t.Errorf("%+v", services)
	}
	if services[2].Image != "docker.io/x:1" || services[3].Image != "" {
		t.Errorf("images %q, %q", services[2].Image, services[3].Image)
	}
}

func TestShm(t *testing.T) {
	for _, tt := range []struct {
		body   string
		bytes  int64
		shared bool
	}{
		{"    image: a\n", -1, false},
		{"    shm_size: 64m\n", 64 << 20, false},
		{"    shm_size: '2 gb'\n", 2 << 30, false},
		{"    shm_size: 67108864\n", 64 << 20, false},
		{"    shm_size: ${SHM:-1g}\n", 1 << 30, false},
		{"    shm_size: ${SHM}\n", -1, true},
		{"    ipc: host\n", -1, true},
		{"    ipc: shareable\n", -1, false},
		{"    tmpfs: /dev/shm:size=8g\n", -1, true},
		{"    volumes: [{type: tmpfs, target: /dev/shm}]\n", -1, true},
		{"    volumes:\n      - /dev/shm:/dev/shm\n", -1, true},
	} {
		if s := one(t, tt.body); s.ShmBytes != tt.bytes || s.SharesShm != tt.shared {
			t.Errorf("%q: %d, %v", tt.body, s.ShmBytes, s.SharesShm)
		}
	}
}

func TestBuild(t *testing.T) {
	for body, want := range map[string]string{
		"    build: .\n": "./Dockerfile", "    build: ./app/\n": "./app/Dockerfile", "    build: https://x/y.git\n": "",
		"    build: {context: app, dockerfile: gpu.Dockerfile}\n": "app/gpu.Dockerfile", "    build: {target: Train}\n": "./Dockerfile",
		"    build: {dockerfile_inline: FROM x}\n": "", "    image: a\n": "",
	} {
		if s := one(t, body); s.Build != want {
			t.Errorf("%q builds %q", body, s.Build)
		}
	}
	if s := one(t, "    build: {target: Train}\n    entrypoint: [python]\n    command: train.py --x\n"); s.Target != "train" || s.Command != "python train.py --x" {
		t.Errorf("%+v", s)
	}
}

func TestHostileFiles(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	for name, data := range map[string]string{
		"empty": "", "list": "- a\n", "no services": "version: '3'\n", "bomb": bomb + "services: {a: {image: *a11}}\n", "NUL": "services:\x00",
		"tabs": "services:\n\ta: 1\n", "large": strings.Repeat(" ", MaxBytes+1), "deep": strings.Repeat("[", 200_000),
		"loop": "services: &s\n  a: *s\n",
	} {
		start := time.Now()
		if services, err := Parse([]byte(data)); err == nil && name != "loop" {
			t.Errorf("%s is read as %+v", name, services)
		}
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("x: &x {gpus: all}\nservices:\n  a:\n    <<: *x\n    image: b:${T:-1}\n    shm_size: 1g\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		services, _ := Parse(data)
		for _, s := range services {
			if s.Line < 1 || s.ShmBytes < -1 {
				t.Errorf("%+v", s)
			}
		}
	})
}
