// SPDX-License-Identifier: Apache-2.0

package daemonjson

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	c, err := Parse([]byte(`{
  "data-root": "/data",
  "exec-opts": ["native.cgroupdriver=systemd"],
  "default-runtime": "nvidia",
  "runtimes": {
    "nvidia": {"path": "nvidia-container-runtime", "runtimeArgs": []},
    "gvisor": {"runtimeType": "io.containerd.runsc.v1"}
  },
  "pidfile": "/x"
}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.DefaultRuntime != "nvidia" || c.CgroupDriver != "systemd" || c.PidFile != "/x" || len(c.Runtimes) != 2 {
		t.Errorf("%+v", c)
	}
	if r := c.Runtimes[1]; r.Name != "nvidia" || r.Path != "nvidia-container-runtime" || r.Line != 6 {
		t.Errorf("%+v", r)
	}
	if r := c.Runtimes[0]; r.Type != "io.containerd.runsc.v1" || r.Line != 7 {
		t.Errorf("%+v", r)
	}
}

func TestDefaultShm(t *testing.T) {
	for text, want := range map[string]int64{"8G": 8 << 30, "512m": 512 << 20, "1gb": 1 << 30, "2GiB": 2 << 30, "1024": 1024, "-1": 0, "x": 0, "999999999999t": 0, "": 0} {
		c, err := Parse([]byte(`{"default-shm-size": "` + text + `"}`))
		if err != nil || c.DefaultShmBytes != want {
			t.Errorf("%q is %d, want %d; %v", text, c.DefaultShmBytes, want, err)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		line       int // 0 means that dockerd takes the file
		reason     string
	}{
		{"empty", "", 0, ""},
		{"space", " \n ", 0, ""},
		{"byte order mark", "\ufeff{}", 0, ""},
		{"a key that is not looked at", `{"some-day": [1]}`, 0, ""},
		{"features and log options", `{"features": {"cdi": true}, "log-opts": {"max-size": "10m", "max-file": "3"}, "cdi-spec-dirs": ["/etc/cdi"]}`, 0, ""},
		{"number in log options", "{\n \"log-opts\": {\n  \"max-file\": 3\n }\n}", 3, `"log-opts"`},
		{"feature that is text", "{\n \"features\": {\"cdi\": \"true\"}\n}", 2, `"features"`},
		{"mirror that is text", "{\n \"registry-mirrors\": \"https://m\"\n}", 2, `"registry-mirrors"`},
		{"built-in default", `{"default-runtime": "runc"}`, 0, ""},
		{"containerd's default", `{"default-runtime": "io.containerd.runc.v2"}`, 0, ""},
		{"trailing comma", "{\n  \"debug\": true,\n}", 3, "not valid JSON"},
		{"missing comma", "{\n  \"a\": 1\n  \"b\": 2\n}", 3, "not valid JSON"},
		{"two objects", "{}\n{}", 2, "not valid JSON"},
		{"unfinished", "{\n\"a\":\n", 2, "not valid JSON"},
		{"array", "[1]", 1, "array"},
		{"wrong type", "{\n \"runtimes\": []\n}", 2, `"runtimes"`},
		{"undefined default", "{\n \"debug\": true,\n \"default-runtime\": \"nvidia\"\n}", 3, `"nvidia"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.file))
			if tt.line == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f, ok := errors.AsType[*Fault](err)
			if !ok || f.Line != tt.line || !strings.Contains(f.Reason, tt.reason) {
				t.Errorf("error %v, want line %d and %q", err, tt.line, tt.reason)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"runtimes":{"nvidia":{"path":"x"}},"default-runtime":"nvidia"}`))
	f.Add([]byte("{\n\"RUNTIMES\": {\"a\": null}, \"runtimes\": {}}"))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		lines := 1 + strings.Count(string(data), "\n")
		if err != nil {
			if fault, ok := errors.AsType[*Fault](err); !ok || fault.Line < 1 || fault.Line > lines {
				t.Fatalf("%v in a file of %d lines", err, lines)
			}
		}
		for _, r := range c.Runtimes {
			if r.Line < 1 || r.Line > lines {
				t.Fatalf("%+v in a file of %d lines", r, lines)
			}
		}
	})
}
