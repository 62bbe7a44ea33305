// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"runtime"
	"testing"
)

// machineName is the name of the processor in the tags of wheels.
func machineName() string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
}

// TestCircumstances: variables, limits and files of the project, outside of the
// environment.
func TestCircumstances(t *testing.T) {
	nothing := func(*stage) {}
	play(t,
		scenario{
			name: "75 certificate bundle missing", stage: nothing,
			breaks: func(s *stage) { s.env["SSL_CERT_FILE"] = s.dir + "/no/bundle.pem" },
			witness: running(`
import os, ssl
name = os.environ.get("SSL_CERT_FILE")
if name:
    try:
        ssl.create_default_context(cafile=name)
    except OSError as error:
        print(type(error).__name__, name)`),
			says: `FileNotFoundError (\S+)`, code: "system.tls-bundle-missing",
		},
		scenario{
			name: "30 few open files", stage: nothing,
			breaks:  func(s *stage) { s.wrap = []string{"sh", "-c", `ulimit -Sn 200 && exec "$@"`, "sh"} },
			witness: running("import os\nhere = [os.open(os.devnull, os.O_RDONLY) for i in range(300)]"),
			says:    `\[Errno 24\] Too many open files`, code: "system.nofile-low",
		},
		scenario{
			name: "37 constraint that the shell takes for a redirection", stage: func(s *stage) { s.dockerfile(`"thing>=2.4.0"`) },
			breaks: func(s *stage) { s.dockerfile("thing>=2.4.0") },
			witness: func(s *stage) said {
				return s.witness("sh", "-c", `pip() { echo "$@"; }; eval "$(sed -n 's/^RUN //p' Dockerfile)"; ls; rm -f =*`)
			},
			says: `(?m)^=(2\.4\.0)$`, code: "dockerfile.unquoted-version",
		},
		scenario{
			name: "76 CUDA_VISIBLE_DEVICES where there is no GPU", module: "torch", stage: func(s *stage) { s.install(torch{}.wheel(s)) },
			breaks: func(s *stage) { s.env["CUDA_VISIBLE_DEVICES"] = "-1" },
		},
		scenario{
			name: "77 variables of debugging where there is no GPU", module: "torch", stage: func(s *stage) { s.install(torch{}.wheel(s)) },
			breaks: func(s *stage) { s.env["CUDA_LAUNCH_BLOCKING"], s.env["NCCL_P2P_DISABLE"] = "1", "1" },
		},
		scenario{
			name: "39 wheel without CUDA where there is no GPU", module: "torch", stage: func(s *stage) { s.install(torch{}.wheel(s)) },
			breaks: func(s *stage) { s.install(torch{version: "2.5.1+cpu"}.wheel(s)) },
		},
	)
}

func (s *stage) dockerfile(requirement string) {
	s.write(s.project+"/Dockerfile", "FROM python:3.11-slim\nRUN pip install "+requirement+"\n")
}

// TestInPlace: an environment in the directory for temporary files, where
// probes run without a root of their own, and a framework that looks for GPUs
// among the PCI devices while it is imported, as JAX does.
func TestInPlace(t *testing.T) {
	t.Parallel()
	s := newStageIn(t, t.TempDir())
	w := torch{}.wheel(s)
	w.files["torch/cuda.py"] += "\nimport glob\nVENDORS = [open(name).read() for name in glob.glob('/sys/bus/pci/devices/*/vendor')]\n"
	s.install(w)
	scenario{module: "torch"}.healthy(s)
}
