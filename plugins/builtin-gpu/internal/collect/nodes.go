// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// overflowID is what the kernel shows for an owner that the reader's user
// namespace does not map.
const overflowID = 65534

// nodes records the driver's device nodes.
func (m *machine) nodes() {
	if !m.Exists("/dev") && !m.Live {
		return
	}
	nodes := []facts.Node{}
	var seen []fact.Evidence
	who := m.credentials()
	for _, name := range m.Glob("/dev/nvidia*") {
		info, err := m.Stat(name)
		if err != nil || !isNode(path.Base(name)) {
			continue
		}
		mode := fmt.Sprintf("%04o", info.Mode().Perm())
		nodes = append(nodes, facts.Node{Path: name, Mode: mode, Readable: who.mayUse(info)})
		seen = append(seen, fact.File(name, 0, mode))
	}
	m.record.Add(facts.Nodes, nodes, seen...)
}

// isNode accepts the names that the driver documents.
func isNode(base string) bool {
	switch base {
	case "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset":
		return true
	}
	number := strings.TrimPrefix(base, "nvidia")
	return number != "" && number != base && strings.Trim(number, "0123456789") == ""
}

// credentials are the identity of the examined process.
type credentials struct {
	known  bool
	uid    uint64
	groups []uint64
}

func (m *machine) credentials() credentials {
	if m.ProcessDir == "" {
		return credentials{}
	}
	data, err := m.ReadFile(m.ProcessDir + "/status")
	if err != nil {
		return credentials{}
	}
	return parseStatus(string(data))
}

// parseStatus reads the lines Uid, Gid and Groups of /proc/PID/status; of the
// four ids the second is the effective one.
func parseStatus(text string) credentials {
	var c credentials
	for line := range strings.SplitSeq(text, "\n") {
		key, rest, _ := strings.Cut(line, ":")
		ids := numbers(rest)
		switch {
		case key == "Uid" && len(ids) == 4:
			c.uid, c.known = ids[1], true
		case key == "Gid" && len(ids) == 4:
			c.groups = append(c.groups, ids[1])
		case key == "Groups":
			c.groups = append(c.groups, ids...)
		}
	}
	return c
}

func numbers(text string) []uint64 {
	var out []uint64
	for word := range strings.FieldsSeq(text) {
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// mayUse tells from mode and owner whether the process may open a node for
// reading and writing; nil when they do not tell.
func (c credentials) mayUse(info fs.FileInfo) *bool {
	yes, no := true, false
	mode := info.Mode().Perm()
	if mode&0o006 == 0o006 {
		return &yes
	}
	uid, gid, ok := owner(info)
	if !ok || !c.known || uid == overflowID || gid == overflowID {
		return nil
	}
	switch {
	case c.uid == 0:
		return &yes
	case c.uid == uid:
		return answer(mode&0o600 == 0o600)
	case slices.Contains(c.groups, gid):
		return answer(mode&0o060 == 0o060)
	}
	return &no
}

func answer(b bool) *bool { return &b }
