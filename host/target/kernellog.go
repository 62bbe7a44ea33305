// SPDX-License-Identifier: Apache-2.0

package target

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// addKernelLog gives the kernel's log to a plugin that was granted it. The host
// reads it in the plugin's place: the log wants a capability, which no plugin
// has, and its device would also give what was never granted, namely waiting
// for new lines.
func (m *Machine) addKernelLog(t *pluginv1.Target, view View) {
	if !view.KernelLog {
		t.KernelLogUnknown = "the plugin has no grant to read " + manifest.KernelLog
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
