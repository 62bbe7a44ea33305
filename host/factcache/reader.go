// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"slices"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// readerFiles are the files of the examined process whose text depends on who
// reads it: the paths of control groups in them begin at the reader's own, see
// cgroup_namespaces(7), and a sandboxed plugin has another one than the host.
var readerFiles = []string{"cgroup", "mountinfo"}

// ReaderFiles is a digest of these files as the host reads them; "" when the
// machine is not live. It stands in for what the plugin read: the text of the one
// changes with that of the other. It is asked for before the plugin is, and once
// more when the answer is kept.
func ReaderFiles(t *pluginv1.Target) string {
	if !t.GetLive() || t.GetProcessDir() == "" {
		return ""
	}
	h := sha256.New()
	for _, name := range readerFiles {
		data, err := os.ReadFile(path.Join(t.GetProcessDir(), name))
		if err != nil {
			data = []byte("\x00" + err.Error())
		}
		_, _ = h.Write(binaryLength(len(data)))
		_, _ = h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ofReader reports whether an input is one of these files.
func (v *View) ofReader(in *pluginv1.Input) bool {
	return in.GetKind() == pluginv1.Input_KIND_DIGEST && path.Dir(in.GetPath()) == v.Target.GetProcessDir() &&
		slices.Contains(readerFiles, path.Base(in.GetPath()))
}
