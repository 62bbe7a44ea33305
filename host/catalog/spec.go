// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	hidden "github.com/bulkhead-ml/bulkhead/host/secret"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/secret"
)

// spec is how a plugin is run: within the limits of its configuration, with the
// files and values that it was granted.
func (l *Launcher) spec(e *Entry, view target.View) (plugin.Spec, error) {
	enclosed := l.Config.SandboxOf(e.Name)
	spec := plugin.Spec{
		Name: e.Name, Path: e.Executable, Digest: e.Digest, Env: map[string]string{},
		Floor: l.floor(e.Name), Strict: enclosed.Strict, Runtime: enclosed.Runtime,
		Limits: limits(enclosed.Limits), CallTimeout: l.CallTimeout, LifeTime: enclosed.Limits.LifeTime,
		MessageBytes: int(enclosed.Limits.Message), LogBytes: enclosed.Limits.LogBytes, LogRate: enclosed.Limits.LogRate,
	}
	if spec.Reattach = e.Reattach; spec.Reattach != nil {
		return spec, nil // it has what its author gave it
	}
	if e.writesSinks() && spec.Limits.FileBytes == 0 {
		spec.Limits.FileBytes = sandbox.Unlimited
	}
	if err := contained(&spec); err != nil {
		return spec, err
	}
	if e.Declaration != nil && e.Declaration.Timeout > 0 {
		spec.CallTimeout = e.Declaration.Timeout
	}
	spec.StartTimeout = l.startTimeout()
	if len(view.Binds) > 0 {
		spec.Binds, spec.Root, spec.Identity = view.Binds, l.Machine.Root, sandbox.SameUID
	}
	if err := l.addSecrets(&spec, e, view.Secrets); err != nil {
		return spec, err
	}
	if err := addInterpreter(&spec, e); err != nil {
		return spec, err
	}
	return spec, shown(e.Name, spec.Interpreter)
}

// startTimeout is what a plugin gets to start. One that never starts must leave time
// for those that do.
func (l *Launcher) startTimeout() time.Duration {
	limit := cmp.Or(l.StartTimeout, plugin.DefaultStartTimeout)
	if l.CallTimeout > 0 {
		return min(l.CallTimeout/2, limit)
	}
	return limit
}

// floor is the weakest level that is good enough for a plugin.
func (l *Launcher) floor(name string) sandbox.Level {
	if level, ok := l.Floors[name]; ok {
		return level
	}
	return l.Floor
}

// contained sees to the one level that is not of the host's own walls. Nothing but
// a runtime reaches it, and nothing else is tried where one is named.
func contained(spec *plugin.Spec) error {
	switch {
	case spec.Runtime != "" && spec.Strict:
		return fmt.Errorf("plugin %q did not start: `strict` does not go with the runtime %q, which does not tell of refused calls; leave one of them out", spec.Name, spec.Runtime)
	case spec.Floor != sandbox.Container:
		return nil
	case spec.Runtime == "":
		return fmt.Errorf("plugin %q did not start: sandbox level %s was required, and it takes a container runtime: name one with `sandbox { runtime = \"runsc\" }`, or require less",
			spec.Name, sandbox.Container)
	}
	spec.Floor = sandbox.DefaultFloor
	return nil
}

// groupMemory is what a plugin with all its descendants has by default, in bytes.
const groupMemory = 1 << 30

// limits are those of the configuration in the sandbox's words. Whoever gives one
// process more memory than a group has by default means the group, too.
func limits(l config.Limits) sandbox.Limits {
	if l.GroupMemory == 0 && l.Memory > groupMemory {
		l.GroupMemory = l.Memory
	}
	return sandbox.Limits{
		DataBytes: l.Memory, GroupMemoryBytes: l.GroupMemory, CPUSeconds: uint64(math.Ceil(l.CPUTime.Seconds())), CPUs: l.CPUs,
		Processes: l.Processes, OpenFiles: l.OpenFiles, ScratchBytes: l.Scratch, FileBytes: l.FileSize,
	}
}

// addSecrets reads the values of granted secrets. A secret that the
// configuration gives no value for is not there, and the plugin says so.
func (l *Launcher) addSecrets(spec *plugin.Spec, e *Entry, names []string) error {
	for _, name := range names {
		if e.Declaration == nil {
			continue
		}
		source, ok := e.Declaration.Secret(name)
		if !ok {
			continue
		}
		value, err := source.Read(os.LookupEnv)
		if err != nil {
			return err
		}
		spec.Secrets = append(spec.Secrets, sandbox.Secret{Name: name, Value: value.Reveal()})
	}
	if len(spec.Secrets) > 0 {
		spec.SecretsEnv = secret.EnvDir
	}
	return nil
}

func isSink(g manifest.Grant) bool { return g.Kind == manifest.Write && g.Path == manifest.Sink }

// writesSinks reports whether the plugin was granted the files of sinks.
func (e *Entry) writesSinks() bool { return slices.ContainsFunc(e.Grants, isSink) }

// WritesSinks reports whether the plugin was granted the files that sinks of
// pipelines name.
func (r *Running) WritesSinks() bool { return r.Entry.writesSinks() }

// redactor finds the values of secrets in the words of a plugin, also encoded as
// in the text of a failed request.
func redactor(secrets []sandbox.Secret) *hidden.Redactor {
	values := map[string]string{}
	for _, s := range secrets {
		values[s.Name] = s.Value
	}
	return hidden.New(values)
}

// view is what a plugin may see and reach. Without a machine to look at it gets
// what does not depend on one.
func (l *Launcher) view(e *Entry) target.View {
	grants := slices.DeleteFunc(slices.Clone(e.Grants), isSink) // it is no place on the machine
	if l.Machine != nil {
		return l.look().Expand(grants)
	}
	var rest []manifest.Grant
	for _, g := range grants {
		if g.Kind == manifest.Net || g.Kind == manifest.Secret {
			rest = append(rest, g)
		}
	}
	return (&target.Machine{}).Expand(rest)
}

// lookTime is how long plugins share a look at the machine: as long as it takes to
// start those that are started together.
const lookTime = 100 * time.Millisecond

// look is the look at the machine that plugins which start now share.
func (l *Launcher) look() *target.Look {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sight == nil || time.Since(l.looked) > lookTime {
		l.sight, l.looked = l.Machine.Look(), time.Now()
	}
	return l.sight
}

// certificates lends the machine's roots of TLS to a plugin with a network grant.
func certificates(spec *plugin.Spec) {
	file := network.Certificates()
	if file == "" {
		return
	}
	spec.Binds = append(spec.Binds, sandbox.Bind{Source: file, Access: sandbox.Library, Optional: true})
	spec.Env[network.EnvCertificates] = file
}
