// SPDX-License-Identifier: Apache-2.0

package releasetest

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/packaging/licence"
)

// TestLicences: every library in the host or a built-in plugin may be there. The
// long form asks for every platform, the short one for this one.
func TestLicences(t *testing.T) {
	platforms := []string{runtime.GOOS + "_" + runtime.GOARCH}
	if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
		platforms = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64", "windows_arm64"}
	}
	modules, err := licence.Modules(licence.Build{
		Root: root, Tags: "grpcnotrace", Packages: []string{"./host/cmd/bulkhead", "./plugins/..."}, Platforms: platforms,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := licence.Check(modules); err != nil {
		t.Error(err)
	}
	found := map[string]string{}
	for _, m := range modules {
		found[m.Path] = m.Licence()
	}
	if strings.HasPrefix(strings.Join(platforms, " "), "linux") && found["github.com/NVIDIA/go-nvml"] != "Apache-2.0" {
		t.Errorf("go-nvml, which the GPU plugin of Linux has by cgo, is under %q", found["github.com/NVIDIA/go-nvml"])
	}
	for path, want := range map[string]string{
		"google.golang.org/grpc": "Apache-2.0", "github.com/hashicorp/go-plugin": "MPL-2.0", "golang.org/x/sys": "BSD-3-Clause",
		"modernc.org/sqlite": "BSD-3-Clause AND MIT AND blessing", "go.yaml.in/yaml/v3": "Apache-2.0 AND MIT",
	} {
		if found[path] != want {
			t.Errorf("%s is under %q, want %q", path, found[path], want)
		}
	}
}
