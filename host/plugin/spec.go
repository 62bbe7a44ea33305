// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// Defaults of the durations in Spec and Options.
const (
	DefaultStartTimeout = 10 * time.Second
	DefaultCallTimeout  = 60 * time.Second
	DefaultDrainTimeout = 5 * time.Second
)

// Spec says what to run and within which walls.
type Spec struct {
	Name   string            // for logs and errors: "gpu"
	Path   string            // the executable
	Digest string            // "sha256:" and 64 hex digits that the file must have; "" measures only
	Args   []string          // arguments after the program's name
	Env    map[string]string // variables beside the host's own; names of the handshake are refused

	Binds    []sandbox.Bind   // what of the machine it may read
	Root     string           // directory that stands for the machine's /; "" is /
	Proc     bool             // give it a /proc of its own processes
	Identity sandbox.Identity // uid under a root host
	Limits   sandbox.Limits
	Floor    sandbox.Level // lowest acceptable level; zero is the highest
	Ceiling  sandbox.Level // highest level to try; zero is the highest

	StartTimeout time.Duration // from the start of the process to its first answer; 0 is DefaultStartTimeout
	CallTimeout  time.Duration // for each unary call; 0 is DefaultCallTimeout
}

// Options are the host's side of a launch.
type Options struct {
	// Logger receives the plugin's log under the name plugin.NAME; nil discards it.
	Logger hclog.Logger
	// RunDir is the parent of private directories; "" chooses one. See RunDir.
	RunDir string
	// DigestCache is a directory that remembers measured digests; "" is none.
	DigestCache string
	// Drain is called by Close before the plugin is killed, to let it finish.
	Drain func(ctx context.Context, conn *grpc.ClientConn) error
	// DrainTimeout bounds Drain; 0 is DefaultDrainTimeout.
	DrainTimeout time.Duration
}

var (
	validName   = regexp.MustCompile(`^[a-z0-9][a-z0-9._/-]{0,63}$`)
	validEnv    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	validDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// check refuses what cannot be launched and fills in the defaults.
func (s *Spec) check() error {
	if !validName.MatchString(s.Name) {
		return fmt.Errorf("plugin name %q: use lower-case letters, digits, '.', '_', '/' and '-'", s.Name)
	}
	if s.Path == "" {
		return fmt.Errorf("plugin %q has no path", s.Name)
	}
	if s.Digest != "" && !validDigest.MatchString(s.Digest) {
		return fmt.Errorf("plugin %q: digest %q is not sha256: and 64 hex digits", s.Name, s.Digest)
	}
	for name := range s.Env {
		if !validEnv.MatchString(name) || reserved(name) {
			return fmt.Errorf("plugin %q: the environment variable %q cannot be set by a grant", s.Name, name)
		}
	}
	if s.StartTimeout <= 0 {
		s.StartTimeout = DefaultStartTimeout
	}
	if s.CallTimeout <= 0 {
		s.CallTimeout = DefaultCallTimeout
	}
	return nil
}

// reserved reports whether the host itself decides about a variable.
func reserved(name string) bool {
	for _, prefix := range []string{"PLUGIN_", "BULKHEAD_", "LD_", "DYLD_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "HOME" || name == "TMPDIR" || name == "PATH"
}

// check fills in the defaults.
func (o *Options) check() {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.DrainTimeout <= 0 {
		o.DrainTimeout = DefaultDrainTimeout
	}
}

// argv is the argument vector of the plugin. Its own path stays with the host.
func (s *Spec) argv() []string {
	return append([]string{filepath.Base(s.Path)}, s.Args...)
}
