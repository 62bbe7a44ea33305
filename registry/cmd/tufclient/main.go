// SPDX-License-Identifier: Apache-2.0

// Command tufclient is the client workflow of registry/trust/tuf behind the
// command line that the public conformance suite of The Update Framework drives
// (github.com/theupdateframework/tuf-conformance, CLIENT-CLI.md):
//
//	tufclient --metadata-dir DIR init ROOT
//	tufclient --metadata-dir DIR --metadata-url URL refresh
//	tufclient --metadata-dir DIR --metadata-url URL --target-name NAME
//	          --target-base-url URL --target-dir DIR download
//
// It exits with 0 when all of it succeeded and with 1 otherwise. It is for tests:
// it knows no transparency log and no publishers, and it believes the variable
// FAKETIME ("+18d", "@2026-01-31 12:00:00") of faketime(1), which the suite uses
// and which cannot reach the clock of a Go program otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

// run does what the arguments say and returns the exit code.
func run(ctx context.Context, args []string, stderr io.Writer) int {
	if err := do(ctx, args, stderr); err != nil {
		fmt.Fprintf(stderr, "tufclient: %v\n", err)
		return 1
	}
	return 0
}

func do(ctx context.Context, args []string, stderr io.Writer) error {
	var c command
	flags := flag.NewFlagSet("tufclient", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.metadataDir, "metadata-dir", "", "the directory of the trusted metadata")
	flags.StringVar(&c.metadataURL, "metadata-url", "", "where the repository's metadata are")
	flags.StringVar(&c.targetName, "target-name", "", "the path of the target to download")
	flags.StringVar(&c.targetURL, "target-base-url", "", "where the repository's targets are")
	flags.StringVar(&c.targetDir, "target-dir", "", "the directory for downloaded targets")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.metadataDir == "" {
		return errors.New("--metadata-dir is missing")
	}
	switch verb := flags.Arg(0); verb {
	case "init":
		return c.init(flags.Arg(1))
	case "refresh":
		_, err := c.refresh(ctx)
		return err
	case "download":
		return c.download(ctx)
	default:
		return fmt.Errorf("%q is none of init, refresh and download", verb)
	}
}

// command is the command line.
type command struct {
	metadataDir, metadataURL string
	targetName, targetURL    string
	targetDir                string
}

func (c command) init(name string) error {
	root, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return tuf.Init(c.metadataDir, root)
}

func (c command) refresh(ctx context.Context) (*tuf.Client, error) {
	if c.metadataURL == "" {
		return nil, errors.New("--metadata-url is missing")
	}
	now, err := clock(os.Getenv("FAKETIME"), time.Now())
	if err != nil {
		return nil, err
	}
	client, err := tuf.New(tuf.Options{Dir: c.metadataDir, Fetch: web{c.metadataURL}.fetch, Now: now})
	if err != nil {
		return nil, err
	}
	return client, client.Refresh(ctx)
}

// clock is the time that faketime(1) wants.
func clock(fake string, now time.Time) (time.Time, error) {
	var days int
	if fake == "" {
		return now, nil
	}
	if at, err := time.ParseInLocation("@2006-01-02 15:04:05", fake, time.Local); err == nil {
		return at, nil
	}
	if n, err := fmt.Sscanf(fake, "%dd", &days); n != 1 || err != nil {
		return now, fmt.Errorf("FAKETIME is %q; use +DAYSd or @YYYY-MM-DD HH:MM:SS", fake)
	}
	return now.AddDate(0, 0, days), nil
}
