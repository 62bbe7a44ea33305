// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
)

// dpkgStatus is Debian's list of installed packages: paragraphs of "Key: value"
// lines with an empty line between them.
const dpkgStatus = "/var/lib/dpkg/status"

// fabricPackage finds the version of the installed fabric manager,
// "550.54.15", and the line that says it.
func fabricPackage(status string) (version string, line int) {
	number, wanted, installed := 0, false, false
	for text := range strings.SplitSeq(status, "\n") {
		number++
		key, value, _ := strings.Cut(text, ":")
		value = strings.TrimSpace(value)
		switch {
		case text == "":
			wanted, installed = false, false
		case key == "Package":
			wanted = strings.HasPrefix(value, "nvidia-fabricmanager") && !strings.Contains(value, "-dev")
		case key == "Status":
			installed = strings.HasSuffix(value, " installed")
		case key == "Version" && wanted && installed && upstream(value) != "":
			return upstream(value), number
		}
	}
	return "", 0
}

// upstream takes the epoch and the revision off a Debian version; "" when
// what is left is no version of a driver.
func upstream(version string) string {
	if _, rest, ok := strings.Cut(version, ":"); ok {
		version = rest
	}
	version, _, _ = strings.Cut(version, "-")
	if !tables.IsVersion(version) {
		return ""
	}
	return version
}
