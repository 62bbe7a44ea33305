// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/factcache"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Plugin is a plugin that runs, with Conn, Target and Sandbox, or one that is
// launched when it is needed, with Start.
type Plugin struct {
	Name    string
	Version string
	// Digest of the executable: "sha256:...".
	Digest string
	// Sandbox is what stands around it, for the report.
	Sandbox report.Sandbox
	// Description is what it answered to Describe.
	Description *pluginv1.DescribeResponse
	Conn        grpc.ClientConnInterface
	// Target is the machine as this plugin sees it.
	Target *pluginv1.Target
	// Start launches the plugin, or returns it when it runs already. It is called
	// from several goroutines and more than once.
	Start func(context.Context) (Started, error)
	// View is what the plugin may see, for the cache; nil keeps nothing of it.
	View *factcache.View
}

// callOptions bound the messages that a plugin may send.
var callOptions = []grpc.CallOption{
	grpc.MaxCallRecvMsgSize(plugin.MaxMessageBytes),
	grpc.MaxCallSendMsgSize(plugin.MaxMessageBytes),
}

// reply is the answer of one plugin to one call.
type reply[T any] struct {
	message T
	err     error
	took    time.Duration
}

// askAll asks every plugin at the same time and returns the replies in the order
// of the plugins.
func askAll[T any](plugins []Plugin, ask func(Plugin) reply[T]) []reply[T] {
	out := make([]reply[T], len(plugins))
	var wg sync.WaitGroup
	for i, p := range plugins {
		wg.Go(func() { out[i] = ask(p) })
	}
	wg.Wait()
	return out
}

// call launches a plugin if need be and calls it with a deadline, which begins
// when it runs.
func call[T any](ctx context.Context, p Plugin, l *launches, timeout time.Duration, f func(context.Context, Started) (T, error)) (r reply[T]) {
	s, err := l.start(ctx, p)
	if err != nil {
		r.err = err
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begin := time.Now()
	r.message, r.err = f(ctx, s)
	r.err = ownWords(ctx, r.err)
	r.took = time.Since(begin)
	return r
}

// ahead is how far a plugin's clock may be ahead of the host's, both of which keep
// the deadline of a call.
const ahead = 100 * time.Millisecond

// ownWords keeps a plugin from claiming that the user gave up, or that the time is
// over, when neither is so.
func ownWords(ctx context.Context, err error) error {
	s := status.Convert(err)
	deadline, _ := ctx.Deadline()
	if ctx.Err() != nil || s.Code() == codes.DeadlineExceeded && time.Until(deadline) < ahead {
		return err
	}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded:
		return status.Error(codes.Unknown, "it gave up before its time was over: "+s.Message())
	}
	return err
}

// timedOut reports whether a call ended because its time had run out.
func timedOut(err error) bool {
	return status.Code(err) == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded)
}

// causeOf says in a clause why a plugin gave no answer.
func causeOf(err error, timeout time.Duration) string {
	s, _ := status.FromError(err)
	switch s.Code() {
	case codes.DeadlineExceeded:
		return fmt.Sprintf("it did not answer within %v", timeout)
	case codes.Canceled:
		return "the diagnosis was cancelled"
	case codes.Unavailable:
		return "it ended before it answered: " + report.CleanLine(s.Message())
	case codes.ResourceExhausted:
		return fmt.Sprintf("its answer is larger than %d MiB, or so is the question", plugin.MaxMessageBytes>>20)
	case codes.Unimplemented:
		return "it described a service that it does not serve"
	}
	return report.CleanLine(s.Message())
}

// silent is the diagnostic for a plugin that gave no answer.
func silent(p Plugin, summary, consequence string, err error, timeout time.Duration) report.Diagnostic {
	return report.Diagnostic{
		Severity: report.Error, Plugin: p.Name, Summary: summary,
		Detail: fmt.Sprintf("%s. The plugin gave no answer because %s. Look at its log with --log-file, or try it alone with: bulkhead plugin test %s",
			consequence, causeOf(err, timeout), p.Name),
	}
}
