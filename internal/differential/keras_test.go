// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"slices"
	"testing"
)

// TestKeras: Keras, which imports the backend that its variable names.
func TestKeras(t *testing.T) {
	play(t, scenario{
		name: "no backend", module: "keras", stage: func(s *stage) {
			s.fromPyPI(slices.Concat(jaxWheels, []string{
				"keras==3.6.0", "absl-py==2.1.0", "rich==13.9.4", "namex==0.0.8", "h5py==3.12.1", "optree==0.13.1", "packaging==24.2",
				"typing-extensions==4.12.2", "markdown-it-py==3.0.0", "mdurl==0.1.2", "pygments==2.18.0",
			})...)
			s.env["KERAS_BACKEND"] = "jax"
			s.warm("import keras")
		},
		breaks: func(s *stage) { delete(s.env, "KERAS_BACKEND") },
		says:   `No module named '(tensorflow)'`, code: "keras.backend-missing",
	})
}
