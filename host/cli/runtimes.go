// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// runtimePlaces are where runtimes lie that are not on an ordinary user's path.
var runtimePlaces = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// dockerSocket is where Docker's engine listens unless it was told otherwise.
const dockerSocket = "/var/run/docker.sock"

// containerRuntimes are the values of sandbox { runtime } for which something is
// installed here, the strongest first. None is tried: that would start things.
func containerRuntimes() []string {
	found := []string{}
	if runtime.GOOS != "linux" {
		return found
	}
	for _, name := range []string{"runsc", "crun", "runc"} {
		if installed(name) {
			found = append(found, name)
		}
	}
	if _, err := os.Stat(dockerSocket); err == nil {
		found = append(found, "docker")
	}
	return found
}

func installed(name string) bool {
	if path, err := exec.LookPath(name); err == nil && filepath.IsAbs(path) {
		return true
	}
	for _, dir := range runtimePlaces {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
