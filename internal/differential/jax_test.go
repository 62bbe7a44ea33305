// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import "testing"

// jaxWheels are what `import jax` needs, 170 MB.
var jaxWheels = []string{"jax==0.6.2", "jaxlib==0.6.2", "numpy==2.0.2", "scipy==1.14.1", "ml_dtypes==0.5.0", "opt_einsum==3.4.0"}

// TestJAX: the real JAX with a plugin that does not fit.
func TestJAX(t *testing.T) {
	play(t,
		scenario{
			name: "59 plugin for CUDA of another release", module: "jax", stage: func(s *stage) {
				s.fromPyPI(jaxWheels...)
				s.warm("import jax")
			},
			breaks:  func(s *stage) { s.fromPyPI("jax-cuda12-plugin==0.6.1"); s.install(pjrt("0.6.1")) },
			witness: running("import jax; jax.devices()"), code: "jax.cuda-plugin-mismatch",
			says: `JAX plugin (\S+) version (\S+) is installed, but it is not compatible with the installed jaxlib version (\S+),`,
		},
		scenario{
			name: "59 plugin for CUDA without the runtime that it requires", stage: func(s *stage) {
				s.fromPyPI("jax-cuda12-plugin==0.6.2")
				s.install(pjrt("0.6.2"), wheel{name: "jaxlib", version: "0.6.2"})
			},
			breaks:  func(s *stage) { s.uninstall("jax-cuda12-pjrt") },
			witness: (*stage).pipCheck, code: "python.dependency-conflict", says: pipAbsent,
		},
	)
}

// pjrt stands for jax-cuda12-pjrt, of which one library is 100 MB.
func pjrt(version string) wheel {
	return wheel{name: "jax-cuda12-pjrt", version: version, files: map[string]string{"jax_plugins/xla_cuda12/version.py": ""}}
}
