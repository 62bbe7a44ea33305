// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

const (
	// MaxTTL bounds the time to live of facts, whatever the plugin says.
	MaxTTL = time.Hour
	// Settled is how long before the collection the last change of an input must
	// be. It covers the coarsest times of common file systems (FAT: 2 s).
	Settled = 2 * time.Second
)

// View is what one plugin may see, as far as the host decides it.
type View struct {
	// Plugin is the digest of the plugin's executable and the state of its file,
	// see Executable.
	Plugin string
	// Root is the directory of the host in which the machine's "/" is found.
	Root string
	// Target is what the plugin is told of the machine; its Root does not count.
	Target *pluginv1.Target
	// Paths are those that the plugin was granted and that are there.
	Paths []string
	// More is whatever else decides what the plugin sees: kinds of access,
	// addresses, limits.
	More []string
	// Reader is a digest of ReaderFiles as the host reads them; "" where the plugin
	// reads the same.
	Reader string
}

// Facts are the kept answer of a plugin.
type Facts struct {
	Response *pluginv1.CollectResponse
	// Sandbox stood around the plugin when it answered.
	Sandbox report.Sandbox
	// Age of the answer.
	Age time.Duration
}

// factsHeader is what is kept beside the answer.
type factsHeader struct {
	Collected time.Time `json:"collected"`
	// Uptime of the machine then.
	Uptime  time.Duration  `json:"uptime"`
	Owners  []byte         `json:"owners,omitempty"`
	Sandbox report.Sandbox `json:"sandbox"`
}

// age of the answer: what the clock says, or the machine, where they differ more.
// It is negative when one of them went back.
func (h *factsHeader) age(now time.Time) time.Duration {
	clock, machine := now.Sub(h.Collected), uptime()-h.Uptime
	if clock < 0 || machine < 0 {
		return -1
	}
	return max(clock, machine)
}

// Facts returns the kept facts of a plugin with this view, if they still hold.
func (c *Cache) Facts(v *View, now time.Time) (Facts, bool) {
	if c == nil || v == nil || v.Plugin == "" {
		return Facts{}, false
	}
	key, ok := c.factsKey(v)
	if !ok {
		return Facts{}, false
	}
	data, ok := c.read(key)
	if !ok {
		return Facts{}, false
	}
	var h factsHeader
	r := &pluginv1.CollectResponse{}
	if decode(data, &h, r) != nil {
		return Facts{}, false
	}
	age := h.age(now)
	if age < 0 || age >= timeToLive(r) || !v.holds(r.GetInputs(), h.Owners) {
		return Facts{}, false
	}
	c.touch(key)
	r.Inputs = nil
	return Facts{Response: r, Sandbox: h.Sandbox, Age: age}, true
}

// KeepFacts keeps the answer of a plugin, if it may be kept. Private says that
// the plugin saw nothing but View.Paths; began is when it was asked. It reports
// whether the answer was kept.
func (c *Cache) KeepFacts(v *View, r *pluginv1.CollectResponse, box report.Sandbox, private bool, began time.Time) bool {
	if c == nil || v == nil || v.Plugin == "" || timeToLive(r) <= 0 || len(r.GetDiagnostics()) > 0 || len(r.GetInputs()) > fact.MaxInputs {
		return false
	}
	kept, ok := proto.Clone(r).(*pluginv1.CollectResponse)
	if !ok {
		return false
	}
	key, ok := c.factsKey(v)
	if !ok || v.Reader != "" && v.Reader != ReaderFiles(v.Target) || !v.admit(kept, private) || !settled(kept.GetInputs(), began) {
		return false
	}
	h := factsHeader{Collected: began, Uptime: uptime(), Sandbox: box, Owners: v.owners(kept.GetInputs())}
	if !v.holds(kept.GetInputs(), h.Owners) {
		return false
	}
	for _, in := range kept.GetInputs() {
		in.Path = v.abstract(in.GetPath())
	}
	data, err := encode(h, kept)
	return err == nil && c.write(key, data) == nil
}

// admit leaves the inputs that the host will look at, or refuses the answer: for
// a plugin the host reads no file that the plugin was not granted.
func (v *View) admit(r *pluginv1.CollectResponse, private bool) bool {
	if v.Reader != "" {
		r.Inputs = slices.DeleteFunc(r.GetInputs(), v.ofReader)
	}
	granted := v.granted(slices.Clone(r.GetInputs()))
	if private {
		r.Inputs = granted
		return true
	}
	may := map[*pluginv1.Input]bool{}
	for _, in := range granted {
		may[in] = true
	}
	return !slices.ContainsFunc(r.GetInputs(), func(in *pluginv1.Input) bool {
		return in.GetKind() == pluginv1.Input_KIND_DIGEST && !may[in]
	})
}

func timeToLive(r *pluginv1.CollectResponse) time.Duration {
	return min(time.Duration(r.GetKeepNs()), MaxTTL)
}

// settled reports whether no input changed so shortly before a time that a
// second change could go unseen.
func settled(inputs []*pluginv1.Input, began time.Time) bool {
	limit := began.Add(-Settled).UnixNano()
	for _, in := range inputs {
		if in.GetCtimeNs() > limit {
			return false
		}
	}
	return true
}

// processWord stands for the directory of the examined process, whose number
// is another one each time.
const processWord = "\x00process"

func (v *View) abstract(name string) string {
	if dir := v.Target.GetProcessDir(); dir != "" && below(name, dir) {
		return processWord + strings.TrimPrefix(name, dir)
	}
	return name
}

// concrete is an input of now.
func (v *View) concrete(in *pluginv1.Input) *pluginv1.Input {
	rest, ok := strings.CutPrefix(in.GetPath(), processWord)
	if !ok {
		return in
	}
	now, _ := proto.Clone(in).(*pluginv1.Input)
	now.Path = v.Target.GetProcessDir() + rest
	return now
}

// factsKey names a view; false when it cannot be told to a plugin.
func (c *Cache) factsKey(v *View) (string, bool) {
	// What of these the plugin uses is among the inputs.
	t := withoutRoot(v.Target)
	t.Filesystems, t.ProcessDir = nil, v.abstract(t.GetProcessDir())
	told, err := proto.MarshalOptions{Deterministic: true}.Marshal(t)
	parts := []string{v.Plugin, string(told), v.Root, v.Reader, fmt.Sprint(user(), len(v.Paths))}
	for _, p := range v.Paths {
		parts = append(parts, v.abstract(p))
	}
	return c.key("facts", slices.Concat(parts, v.More)...), err == nil
}

// Told reports whether a plugin was told the same as the view says, wherever its
// root is: the kernel may have written to its log in between.
func (v *View) Told(t *pluginv1.Target) bool {
	return proto.Equal(withoutRoot(v.Target), withoutRoot(t))
}

func withoutRoot(t *pluginv1.Target) *pluginv1.Target {
	out, _ := proto.Clone(t).(*pluginv1.Target)
	if out == nil {
		out = &pluginv1.Target{}
	}
	out.Root = ""
	return out
}

// granted are the inputs that lie in what was granted. Whatever else a plugin
// sees in a private root is the host's work and follows from the grants.
func (v *View) granted(inputs []*pluginv1.Input) []*pluginv1.Input {
	paths := map[string]bool{}
	for _, p := range v.Paths {
		paths[path.Clean(p)] = true
	}
	return slices.DeleteFunc(inputs, func(in *pluginv1.Input) bool {
		return in.GetKind() != pluginv1.Input_KIND_SPACE && !within(in.GetPath(), paths)
	})
}

// within reports whether a path is one of those granted or lies in one.
func within(name string, granted map[string]bool) bool {
	for dir := name; ; dir = path.Dir(dir) {
		if granted[dir] {
			return true
		}
		if len(dir) < 2 {
			return false
		}
	}
}

// below reports whether a path is a directory or lies in it.
func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
