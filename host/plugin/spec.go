// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// Spec says what to run, within which walls and bounds.
type Spec struct {
	Name   string            // for logs and errors: "gpu"
	Path   string            // the executable, or the script of an Interpreter
	Digest string            // "sha256:" and 64 hex digits that the file must have; "" measures only
	Args   []string          // arguments after the program's name
	Env    map[string]string // variables beside the host's own; names of the handshake are refused
	// Interpreter runs Path where it is a script; nil for a program of its own.
	Interpreter *Interpreter
	// Protocols are the protocol majors that the caller speaks, at least one of
	// which the plugin must serve; nil is the host's own. See Process.Protocol.
	Protocols []int

	Binds      []sandbox.Bind   // what of the machine it may read
	Root       string           // directory that stands for the machine's /; "" is /
	Proc       bool             // give it a /proc of its own processes
	Inherit    []*os.File       // further descriptors of the plugin, from 3 upwards; the caller keeps them
	InheritEnv []string         // variables that are set to the numbers of Inherit, in its order
	Secrets    []sandbox.Secret // files of its own; their values never reach a log
	SecretsEnv string           // variable that is set to the directory of Secrets
	Identity   sandbox.Identity // uid under a root host
	Floor      sandbox.Level    // lowest acceptable level; zero is the default
	Ceiling    sandbox.Level    // highest level to try; zero is the highest
	Strict     bool             // kill it at its first refused system call
	Runtime    string           // a container runtime instead of the host's own walls
	Without    []string         // walls to leave off, for tests of the others
	// Reattach is a process that runs already, in no sandbox; Path and what is said
	// of walls then mean nothing, calls have a day, and the end of the host leaves it
	// alive. nil starts a process.
	Reattach *Reattach
	// Trace is told of each use of a file's name; nil traces nothing. See
	// sandbox.Spec.Trace.
	Trace func(sandbox.Touch)

	Limits sandbox.Limits // memory, processor, files; zero fields are defaults

	// The bounds of this package. A zero field means the default named beside it.

	StartTimeout time.Duration // from the start of the process to its connection, 30 s
	CallTimeout  time.Duration // for each unary call, 60 s
	LifeTime     time.Duration // of the process, counted from its connection; unlimited
	MessageBytes int           // largest message either way, 16 MiB; 64 KiB to 2 GiB - 1
	LogBytes     uint64        // of log in all its life, 1 MiB; sandbox.Unlimited is no bound
	LogRate      uint64        // bytes of log a second, 64 KiB, with bursts of four seconds' worth
}

// Options are the host's side of a launch.
type Options struct {
	// Logger receives the plugin's log under the name plugin.NAME; nil discards it.
	Logger hclog.Logger
	// Redact removes what nobody may read from every text of the plugin before
	// it is kept or shown: log lines, panics, the words of failed calls. It must
	// be safe for concurrent use. The values of Spec.Secrets are removed anyway.
	Redact func(string) string
	// Prepare completes the specification of each start with what one process
	// needs for itself alone, such as a descriptor, and says who looks after it;
	// nil changes nothing.
	Prepare func(*Spec) (Attendant, error)
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
	validName   = pattern.Lazy(`^[a-z0-9][a-z0-9._/-]{0,63}$`)
	validEnv    = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*$`)
	validDigest = pattern.Lazy(`^sha256:[0-9a-f]{64}$`)
)

// check refuses what cannot be launched and fills in the defaults.
func (s *Spec) check() error {
	if !validName().MatchString(s.Name) {
		return fmt.Errorf("plugin name %q: use lower-case letters, digits, '.', '_', '/' and '-'", s.Name)
	}
	if s.Path == "" {
		return fmt.Errorf("plugin %q has no path", s.Name)
	}
	if s.Digest != "" && !validDigest().MatchString(s.Digest) {
		return fmt.Errorf("plugin %q: digest %q is not sha256: and 64 hex digits", s.Name, s.Digest)
	}
	if err := s.checkEnv(); err != nil {
		return err
	}
	if s.Interpreter != nil {
		if err := s.Interpreter.check(s); err != nil {
			return err
		}
	}
	if len(s.Protocols) == 0 {
		s.Protocols = []int{handshake.ProtocolVersion}
	}
	s.Protocols = slices.Clone(s.Protocols)
	slices.SortFunc(s.Protocols, func(a, b int) int { return b - a })
	return s.checkBounds()
}

// checkEnv refuses variables that a grant may not set.
func (s *Spec) checkEnv() error {
	for name := range s.Env {
		if !validEnv().MatchString(name) || reserved(name) {
			return fmt.Errorf("plugin %q: the environment variable %q cannot be set by a grant", s.Name, name)
		}
	}
	if s.SecretsEnv != "" && !validEnv().MatchString(s.SecretsEnv) {
		return fmt.Errorf("plugin %q: %q is no name of an environment variable for the secrets", s.Name, s.SecretsEnv)
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

// argv is the argument vector of a plugin that is a program. Its own path stays
// with the host.
func (s *Spec) argv() []string {
	return append([]string{filepath.Base(s.Path)}, s.Args...)
}
