// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line. Each command parses its flags, calls one
// service and hands the result to package report.
//
// Standard output holds the result and nothing else; progress, logs and
// warnings go to standard error. With --json standard output is always exactly
// one JSON document, whatever fails.
//
// Exit codes: 0 healthy or done, 1 warnings, 2 errors or failure, 3 time-out,
// 78 wrong configuration or command line, 130 interrupted.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// Exit codes of every command.
const (
	ExitOK          = 0
	ExitWarnings    = 1
	ExitErrors      = 2
	ExitTimeout     = 3
	ExitConfig      = 78
	ExitInterrupted = 130
)

// Main runs the command line and returns the exit code of the process.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := interruptible()
	defer stop()
	a := &app{stdout: stdout, stderr: stderr, args: args}
	defer a.close()
	defer plugin.RemoveRunDirs() // every plugin is closed by now
	err := a.guarded(ctx)
	if err != nil && ctx.Err() != nil {
		err = interrupted(err)
	}
	return a.finish(err)
}

// interrupted is the error of a command that was told to stop. One that printed
// its result, as far as it came, has said so there.
func interrupted(err error) error {
	if _, ok := errors.AsType[exit](err); ok {
		return exit(ExitInterrupted)
	}
	return &failure{code: ExitInterrupted, summary: "Interrupted", err: err}
}

// interruptible is a context that ends with Ctrl-C or a request to end, and says
// so to the plugins that die of it. A second Ctrl-C ends the process at once.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(&plugin.Interrupt{Reason: "the host was told to stop (" + s.String() + ")"})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// Root is the tree of commands, for those who document it. Run it with Main.
func Root() *cobra.Command {
	a := &app{stdout: io.Discard, stderr: io.Discard}
	root := a.root()
	root.InitDefaultCompletionCmd()
	return root
}

// guarded runs the command and turns a panic into a failure that keeps the
// stack for --debug.
func (a *app) guarded(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &failure{
				code: ExitErrors, summary: "A fault in Bulkhead", stack: string(debug.Stack()),
				err: fmt.Errorf("panic: %v. Run the command again with --debug and report what it prints", r),
			}
		}
	}()
	root := a.root()
	root.SetArgs(a.args)
	root.SetContext(ctx)
	return root.Execute()
}

// failure is an error with an exit code and, for configuration, diagnostics.
type failure struct {
	code    int
	summary string
	diags   []report.Diagnostic
	stack   string
	err     error
}

// Error gives the reason.
func (f *failure) Error() string {
	if f.err == nil {
		return f.summary
	}
	return f.err.Error()
}

// Unwrap returns the reason.
func (f *failure) Unwrap() error { return f.err }

// exit is the error of a command that printed its result and ends with a code.
type exit int

// Error names the code.
func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// misuse is a wrong command line.
func misuse(format string, args ...any) error {
	return &failure{code: ExitConfig, summary: "Wrong command line", err: fmt.Errorf(format, args...)}
}

// failed is a failure of a command before it has a result.
func failed(summary string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	return &failure{code: ExitErrors, summary: summary, err: err}
}

// finish prints an error that no result speaks for and returns the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		return ExitOK
	}
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		// What cobra itself refuses: an unknown command or flag.
		f = &failure{code: ExitConfig, summary: "Wrong command line", err: err}
	}
	if err := a.printFailure(f); err != nil {
		fmt.Fprintln(a.stderr, "bulkhead:", err)
	}
	return f.code
}

// failureReport is a failure as a document.
func (a *app) failureReport(f *failure) report.Failure {
	doc := report.Failure{
		SchemaVersion: report.SchemaVersion, Tool: tool(), ExitCode: f.code,
		Error: report.ErrorInfo{Summary: f.summary, Diagnostics: f.diags},
	}
	if f.err != nil {
		doc.Error.Detail = f.err.Error()
	}
	return doc
}

func (a *app) printFailure(f *failure) error {
	doc := a.failureReport(f)
	if f.stack != "" && a.flags.debug {
		fmt.Fprintln(a.stderr, f.stack)
	}
	if a.json() {
		return doc.WriteJSON(a.stdout)
	}
	return doc.WriteText(a.stderr, a.textOptions(a.stderr))
}

// exactly insists on n arguments, with a message that says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return misuse("`%s` takes %s; `%s --help` shows how", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// atMost insists on n arguments or fewer.
func atMost(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return misuse("`%s` takes %s; `%s --help` shows how", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// subcommand refuses a command that a group does not have, with those that it may
// have been meant to be.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return misuse("`%s` has no command %q; did you mean %s?", cmd.CommandPath(), args[0], strings.Join(near, " or "))
	}
	return misuse("`%s` has no command %q; `%s --help` lists those that it has", cmd.CommandPath(), args[0], cmd.CommandPath())
}
