// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// Hostile plugins against the real host: each lie of internal/hostile costs the
// host a bounded amount of memory, processor and time, and costs the user nothing
// of what the other plugins say. The cause is named, in the report and in the
// audit log, and nothing is left behind.

// What a lie may cost the host beyond what an honest plugin does. The processor
// may be busy with other tests.
const (
	extraMemory    = 64 << 20 // bytes at the peak
	extraProcessor = 6 * time.Second
	quickly        = 2 * time.Minute // on a machine that is busy; it takes a fraction of it
)

// lie is a behaviour of internal/hostile and what becomes of it.
type lie struct {
	kind  string
	code  int           // exit code of the host
	says  string        // regular expression over the words of standard output and error
	audit string        // the same over the audit log
	slow  time.Duration // how long the host is told to wait for it; 0 for no wait
	// memory is what the host may use beyond extraMemory, in bytes: the documented
	// bound of what it does with an answer.
	memory int64
}

const (
	turned = "died: refused, .*was turned away: "
	closed = "ended: closed by the host"
	parts  = "its answer cannot be read: the message has so many parts that it would not fit into memory"
)

// anyCode is right for a plugin that may be late with its own answers, since
// all that it sends is read slowly.
const anyCode = -1

// patiently is how long slow lies are waited for.
const patiently = 3 * time.Second

// doctorLies are told to `bulkhead doctor`.
var doctorLies = []lie{
	// The handshake.
	{kind: "garbage", code: 2, says: `first line of output is "Hello`, audit: turned},
	{kind: "endless-line", code: 2, says: "first line of output is longer than 8192 bytes", audit: turned},
	{kind: "no-newline", code: 2, says: "was not ready within", audit: turned, slow: patiently},
	{kind: "hang-start", code: 2, says: "was not ready within", audit: turned, slow: patiently},
	{kind: "line-then-exit", code: 2, says: "ended with exit status 0", audit: "died: exited"},
	{kind: "wrong-version", code: 2, says: "speaks protocol 99", audit: turned},
	{kind: "wrong-core", code: 2, says: "go-plugin core protocol 2", audit: turned},
	{kind: "net-rpc", code: 2, says: "the plugin serves .*netrpc", audit: turned},
	{kind: "certificate", code: 2, says: "sent a certificate", audit: turned},
	{kind: "tcp-address", code: 2, says: "refused to connect to tcp", audit: turned},
	{kind: "foreign-socket", code: 2, says: "must lie in the plugin's private directory", audit: turned},
	{kind: "symlink-socket", code: 2, says: "too many levels of symbolic links", audit: turned},
	{kind: "traversal", code: 2, says: "must have a plain name", audit: turned},
	{kind: "dead-socket", code: 2, says: "nobody listens on the plugin's socket: connection refused", audit: turned},
	{kind: "deaf-socket", code: 2, says: "nobody speaks gRPC|was not ready", audit: turned, slow: patiently},
	{kind: "mute-socket", code: 2, says: "nobody speaks gRPC|was not ready", audit: turned, slow: patiently},

	// The frames of HTTP/2.
	{kind: "not-http2", code: 2, says: "nobody speaks gRPC|it broke off the connection", audit: turned},
	{kind: "goaway", code: 2, says: "nobody speaks gRPC|it broke off the connection", audit: turned},
	{kind: "resets", code: 2, says: "did not describe itself: .*(RST_STREAM|broke off the connection)", audit: turned},
	{kind: "headers-flood", code: 2, says: "did not describe itself: .*(PROTOCOL_ERROR|broke off the connection)", audit: turned},
	{kind: "no-window", code: 2, says: "did not describe itself within", audit: turned, slow: patiently},
	{kind: "dribble", code: 2, says: "did not describe itself within", audit: turned, slow: patiently},
	{kind: "ping-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "settings-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "window-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "push-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "padding-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "padded-dribble", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "small-frames", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "stray-data", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "strange-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "priority-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "hundred-flood", code: 2, says: "more HTTP/2 frames than its calls need", audit: turned, slow: patiently},
	{kind: "no-streams", code: 2, says: "was not ready within|did not describe itself", audit: turned, slow: patiently},
	{kind: "no-headers", code: 2, says: "the plugin.s gRPC takes no calls: header list size to send violates the maximum size", audit: turned, slow: patiently},
	{kind: "header-bomb", code: 2, says: "did not describe itself", audit: turned, slow: patiently},
	{kind: "bad-header", code: 2, says: "did not describe itself", audit: turned, slow: patiently},
	{kind: "long-frame", code: 2, says: "did not describe itself|broke off", audit: turned, slow: patiently},
	{kind: "window-overflow", code: 2, says: "did not describe itself", audit: turned, slow: patiently},
	{kind: "web-page", code: 2, says: "did not describe itself", audit: turned, slow: patiently},
	{kind: "bad-details", code: 2, says: "did not describe itself", audit: turned, slow: patiently},
	{kind: "compressed", code: 2, says: "did not describe itself", audit: turned, slow: patiently},

	// The description.
	{kind: "huge-describe", code: 2, says: "received message larger than max", audit: turned},
	{kind: "garbage-describe", code: 2, says: "its answer cannot be read", audit: turned},
	{kind: "bomb-collectors", code: 2, says: parts + ".*collectors", audit: turned},
	{kind: "bomb-checks", code: 2, says: parts + ".*checks", audit: turned},
	{kind: "bomb-small", code: 2, says: parts, audit: turned},
	{kind: "bomb-capabilities", code: 2, says: parts, audit: turned},
	{kind: "bomb-settings", code: 2, says: parts + ".*attributes", audit: turned},
	{kind: "deep-settings", code: 2, says: "nests more than 100 deep", audit: turned},
	{kind: "headers-describe", code: 2, says: "did not describe itself", audit: turned},
	{kind: "wrong-code", code: 2, says: "describes itself wrongly", audit: turned},

	// The streams of go-plugin.
	{kind: "broker-flood", code: 0, says: `"timed_out": false`, audit: closed},
	{kind: "stdio-flood", code: 0, says: `"timed_out": false`, audit: closed},
	{kind: "stdio-huge", code: 0, says: `"timed_out": false`, audit: closed},
	{kind: "stdio-empty", code: anyCode, says: `"checks_run"`, audit: closed + "|died: cancelled", slow: patiently},

	// Answers to Collect.
	{kind: "never-collect", code: 3, says: "it did not answer within", audit: closed, slow: patiently},
	{kind: "huge-collect", code: 2, says: "its answer is larger than 16 MiB", audit: closed},
	{kind: "garbage-collect", code: 2, says: "its answer cannot be read", audit: closed},
	{kind: "wrong-collect", code: 2, says: "its answer cannot be read", audit: closed},
	{kind: "two-collect", code: 2, says: "No facts from plugin evil", audit: closed},
	{kind: "headers-collect", code: 2, says: "No facts from plugin evil", audit: closed},
	{kind: "trailers-collect", code: 2, says: "No facts from plugin evil", audit: closed},
	{kind: "status-collect", code: 2, says: "No facts from plugin evil", audit: closed},
	{kind: "cancel-collect", code: 2, says: "it gave up before its time was over: the user wanted it", audit: closed},
	{kind: "late-collect", code: 2, says: "it gave up before its time was over: too late", audit: closed},
	{kind: "bomb-facts", code: 2, says: parts + ".*facts", audit: closed},
	{kind: "bomb-messages", code: 2, says: parts + ".*diagnostics", audit: closed},
	{kind: "bomb-evidence", code: 2, says: parts + ".*evidence", audit: closed},
	{kind: "bomb-paths", code: 2, says: parts + ".*path", audit: closed},
	{kind: "bomb-value", code: 2, says: "the value of evil.seen is not JSON", audit: closed},
	{kind: "collide", code: 2, says: "did not describe the address: gpu.driver.version.*A plugin may give 20000 facts: 30009 given", audit: closed},

	// Answers to Check.
	{kind: "bomb-findings", code: 2, says: parts + ".*findings", audit: closed},
	{kind: "bomb-outcomes", code: 2, says: parts + ".*outcomes", audit: closed},
	{kind: "many-findings", code: 2, says: parts + ".*findings", audit: closed},
	{kind: "exit-check", code: 2, says: "ended with exit status 7", audit: "died: exited, exit code 7"},

	// What a process does in a call.
	{kind: "stop-collect", code: 3, says: "it did not answer within", audit: closed, slow: patiently},
	{kind: "spin-collect", code: 3, says: "it did not answer within", audit: closed, slow: patiently},
	{kind: "memory-collect", code: 2, says: "ran out of memory", audit: "died: out-of-memory"},
	{kind: "fork-collect", code: 0, says: `"timed_out": false`, audit: "denied: clone, 1000 times"},
	{kind: "daemon-collect", code: 0, says: `"timed_out": false`, audit: "denied: clone"},
	{kind: "forge", code: 0, says: "plugin.evil: forged: signature valid", audit: closed},
	{kind: "hang-drain", code: 0, says: `"timed_out": false`, audit: closed},
}

// tables is the documented bound of the tables of a run in memory, in bytes.
const tables = 2 << 30

// runLies are told to `bulkhead run`.
var runLies = []lie{
	{kind: "endless-batches", code: 2, says: "Tables that do not fit into memory|more than 1048576 batches", audit: closed, slow: 30 * time.Second, memory: tables},
	{kind: "big-batches", code: 2, says: "Tables that do not fit into memory", audit: closed, slow: 30 * time.Second, memory: tables},
	{kind: "empty-batches", code: 2, says: "more than 65536 batches without rows", audit: closed, slow: 10 * time.Second},
	{kind: "empty-messages", code: 2, says: "an empty message", audit: closed},
	{kind: "bomb-columns", code: 2, says: "breaks the kernel protocol.*a batch of [0-9]+ columns; at most 65536 travel", audit: closed},
	{kind: "bomb-schema", code: 2, says: "breaks the kernel protocol.*" + parts, audit: closed},
	{kind: "bomb-results", code: 2, says: "breaks the kernel protocol.*" + parts, audit: closed},
	{kind: "bomb-validate", code: 2, says: parts, audit: closed},
	{kind: "garbage-batch", code: 2, says: "breaks the kernel protocol.*its answer cannot be read", audit: closed},
	{kind: "report-bomb", code: 2, says: "the report nests 3145728 deep", audit: closed},
	{kind: "odd-settings", code: 78, says: "declares settings that cannot be read", audit: closed},
	{kind: "never-transform", code: 3, says: "did not end within", audit: "died: cancelled", slow: patiently},
}

func TestHostileDoctor(t *testing.T) {
	base := measured(t, newScene(t, "honest"), "doctor", "--root", "machine", "--json").cost
	for _, l := range doctorLies {
		t.Run(l.kind, func(t *testing.T) {
			t.Parallel()
			heard := regexp.MustCompile(`"checks_run": [1-9][0-9]`)
			s, r := l.tell(t, func(o outcome) bool { return heard.MatchString(o.stdout) }, "doctor", "--root", "machine", "--json")
			l.judge(t, s, r, base, "doctor")
			if !heard.MatchString(r.stdout) {
				t.Error("the others are not heard")
			}
		})
	}
}

func TestHostileRun(t *testing.T) {
	base := measured(t, newScene(t, "honest"), "doctor", "--root", "machine", "--json").cost
	for _, l := range runLies {
		t.Run(l.kind, func(t *testing.T) {
			if l.memory == 0 {
				t.Parallel()
			} else if testing.Short() {
				t.Skip("takes gigabytes")
			}
			s, r := l.tell(t, func(outcome) bool { return true }, "run", "run.hcl", "--json")
			l.judge(t, s, r, base, "run")
		})
	}
}

// tell has the lie told to a command. One that is waited for takes all the time
// that there is; when it was too little for the others, it is told once more, with
// more.
func (l *lie) tell(t *testing.T, enough func(outcome) bool, args ...string) (scene, outcome) {
	t.Helper()
	if l.slow == 0 {
		s := newScene(t, l.kind)
		return s, measured(t, s, args...)
	}
	for {
		s := newScene(t, l.kind)
		r := measured(t, s, append(args, "--timeout", l.slow.String())...)
		if right := l.isCode(r.code) && regexp.MustCompile(l.says).MatchString(r.words()); right && enough(r) || l.slow > time.Minute {
			return s, r
		}
		l.slow *= 3
	}
}

func (l *lie) isCode(code int) bool { return l.code == anyCode || code == l.code }

// judge compares a run with what the lie may do.
func (l *lie) judge(t *testing.T, s scene, r outcome, base cost, schema string) {
	t.Helper()
	if !l.isCode(r.code) || !regexp.MustCompile(l.says).MatchString(r.words()) {
		t.Errorf("exit code %d, and %q is not in %s", r.code, l.says, r.complaints())
	}
	if r.peak > base.peak+extraMemory+l.memory {
		t.Errorf("the host used %d MiB, with an honest plugin %d", r.peak>>20, base.peak>>20)
	}
	if l.memory == 0 && r.cpu > base.cpu+extraProcessor {
		t.Errorf("the host used %v of processor time, with an honest plugin %v", r.cpu, base.cpu)
	}
	if r.took > base.took+quickly+l.slow {
		t.Errorf("took %v", r.took)
	}
	checkDocument(t, r.stdout, schema)
	checkPrintable(t, r.stdout+r.stderr)
	if left := s.left(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	log := measured(t, s, "audit", "list", "--limit", "0")
	if !regexp.MustCompile(l.audit).MatchString(log.words()) || !strings.Contains(log.stdout, "evil launched") {
		t.Errorf("%q is not in the audit log: %s", l.audit, log.words())
	}
	if check := measured(t, s, "audit", "verify"); check.code != 0 {
		t.Errorf("the audit log: %s", check.words())
	}
}
