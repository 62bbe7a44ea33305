// SPDX-License-Identifier: Apache-2.0

package target

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// KernelLogPath is the path of the grant that gives the kernel's log.
const KernelLogPath = "/dev/kmsg"

// addKernelLog gives the kernel's log to a plugin that was granted it. The host
// reads it in the plugin's place: the log wants a capability, which no plugin
// has, and its device would also give what was never granted, namely waiting
// for new lines.
func (m *Machine) addKernelLog(t *pluginv1.Target, view View) {
	if !view.reads(KernelLogPath) {
		t.KernelLogUnknown = "the plugin has no grant to read " + KernelLogPath
		return
	}
	log, reason := m.KernelLog, "the recorded machine has no kernel log"
	if m.Live() {
		log, reason = readKernelLog()
	}
	if t.KernelLog = kernelLogTail(log); t.KernelLog == "" {
		t.KernelLogUnknown = reason
	}
}

// reads reports whether a grant to read exactly this path is among those given.
func (v View) reads(path string) bool {
	for _, g := range v.Given {
		if g.Grant.Kind == manifest.Read && g.Grant.Path == path {
			return true
		}
	}
	return false
}

// kernelLogTail keeps whole lines of the end of a log, as text.
func kernelLogTail(log string) string {
	if cut := len(log) - fact.MaxKernelLog; cut > 0 {
		log = log[cut:]
		if i := strings.IndexByte(log, '\n'); i >= 0 {
			log = log[i+1:]
		}
	}
	return strings.ToValidUTF8(log, "\ufffd")
}
