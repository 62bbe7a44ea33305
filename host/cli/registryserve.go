// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/serve"
)

// digestText is the SHA-256 of bytes as people compare it.
func digestText(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (a *app) registryServeCmd() *cobra.Command {
	var o serve.Options
	var listen string
	var quiet bool
	cmd := &cobra.Command{
		Use: "serve DIR", Short: "Serve the directory of a registry over HTTP or HTTPS", Args: exactly(1, "the directory of a registry"),
		Long: "Serve answers requests for the files of a registry and nothing else, with\n" +
			"ranges, ETags and limits for each client. With --cert and --cert-key it speaks\n" +
			"TLS, and reads the two files again when they change. Clients take http:// from\n" +
			"this machine only. Any other web server does as well.",
		Example: "  bulkhead registry serve /srv/registry --listen 127.0.0.1:8080\n  bulkhead registry serve /srv/registry --listen :443 --cert fullchain.pem --cert-key privkey.pem",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !quiet {
				o.Log = a.logAccess
			}
			o.Problem = func(text string) { a.warn("%s", text) }
			return a.registryServe(cmd.Context(), args[0], listen, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8080", "`address` to listen on, HOST:PORT; port 0 takes a free one")
	f.StringVar(&o.CertFile, "cert", "", "`file` with the certificate and those that vouch for it, in PEM")
	f.StringVar(&o.KeyFile, "cert-key", "", "`file` with the key of the certificate, in PEM")
	f.Float64Var(&o.Rate, "rate", 0, "requests per second of one client (default 50; negative: no limit)")
	f.IntVar(&o.Burst, "burst", 0, "requests of one client that may come together (default 200)")
	f.IntVar(&o.Together, "together", 0, "requests of one client that are served at once (default 32); it may have twice as many connections")
	f.IntVar(&o.Connections, "connections", 0, "connections of all clients (default 1024)")
	f.BoolVar(&quiet, "quiet", false, "do not print a line for each request")
	return cmd
}

func (a *app) registryServe(ctx context.Context, dir, listen string, o serve.Options) error {
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return misuse("--listen %q: write HOST:PORT, such as 127.0.0.1:8080", listen)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return misuse("%s is no directory; give the one that `bulkhead registry init` or `mirror` made", dir)
	}
	server, err := serve.New(dir, o)
	if err != nil {
		return &failure{code: ExitConfig, summary: "The registry cannot be served", err: err}
	}
	err = server.Run(ctx, listen, func(url string) { a.warn("serving %s at %s; Ctrl-C ends it", dir, url) })
	if ctx.Err() != nil {
		return a.done("the server has ended")
	}
	return failed("The registry cannot be served", err)
}

// logAccess writes a line for a request, in the order of the common log format.
func (a *app) logAccess(r serve.Access) {
	a.warn("%s %s %q %d %d %s", r.Client, r.Time.Format(time.RFC3339), r.Method+" "+r.Path, r.Status, r.Bytes, r.Duration.Round(time.Millisecond))
}

// auditFlags are what a registry is compared with.
type auditFlags struct {
	caFile, root, logKey string
}

// believed is what of the registry's own was not compared with anything, and the
// flags that would do so.
func (f *auditFlags) believed() (own, flags string) {
	switch {
	case f.root == "" && f.logKey == "":
		return "root and log key are", "--root and --log-key"
	case f.root == "":
		return "root is", "--root"
	case f.logKey == "":
		return "log key is", "--log-key"
	}
	return "", ""
}

func (f *auditFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.root, "root", "", "`file` with the first root that the registry should have; without it the registry's own is believed")
	fl.StringVar(&f.logKey, "log-key", "", "`key` that the registry's log should have")
	fl.StringVar(&f.caFile, "ca-file", "", "`file` with certificates that are trusted besides the system's")
}

func (f *auditFlags) open(ctx context.Context, address string) (files.Source, repo.VerifyOptions, error) {
	root, err := readRoot(f.root)
	if err != nil {
		return nil, repo.VerifyOptions{}, err
	}
	place := placeFlags{address: address, caFile: f.caFile}
	src, err := place.source(ctx)
	return src, repo.VerifyOptions{Root: root, LogKey: f.logKey, Now: time.Now()}, err
}

func (a *app) registryVerifyCmd() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use: "verify ADDRESS", Short: "Audit a registry: all metadata, all files, the whole log", Args: exactly(1, "the address of a registry"),
		Long: "Verify reads everything that a registry has: every root, the metadata that\n" +
			"count, the content of every archive, and every record of the log, whose tree it\n" +
			"makes anew. It ends with 2 when a client would refuse something, with 1 when\n" +
			"something expires soon. With -v it also says what is odd and not wrong.",
		RunE: func(cmd *cobra.Command, args []string) error {
			src, o, err := f.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			shown := a.steps(false)
			o.Progress = shown.auditing
			found, err := repo.Verify(cmd.Context(), src, o)
			shown.done()
			if err != nil {
				return signingError("The registry could not be audited", err)
			}
			if err := a.result(newAuditReport(found)); err != nil {
				return err
			}
			return asExit(auditCode(found))
		},
	}
	f.register(cmd)
	return cmd
}

func auditCode(r *repo.Report) int {
	if !r.Sound() {
		return ExitErrors
	}
	for _, p := range r.Problems {
		if p.Severity == repo.Warning {
			return ExitWarnings
		}
	}
	return ExitOK
}

func (a *app) registryMirrorCmd() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use: "mirror SOURCE DIR|oci://HOST/NAME", Short: "Copy a registry, with everything verified first", Args: exactly(2, "the address of a registry and a place for the copy"),
		Long: "Mirror audits a registry and copies what clients need, so that it can be served\n" +
			"where there is no network. Run it again to copy what is new: files that are\n" +
			"there are not fetched. Nothing counts that did not verify. Clients use the copy\n" +
			"with the root and the log key of the original.",
		Example: "  bulkhead registry mirror https://plugins.acme.example /mnt/usb/acme --root acme.root.json --log-key ...",
		RunE: func(cmd *cobra.Command, args []string) error {
			src, o, err := f.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.registryMirror(cmd.Context(), src, args[1], &f, o)
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) registryMirror(ctx context.Context, src files.Source, to string, f *auditFlags, o repo.VerifyOptions) error {
	place := placeFlags{address: to, caFile: f.caFile}
	dst, err := place.writable(ctx)
	if err != nil {
		return err
	}
	if own, flags := f.believed(); own != "" {
		say(a.stderr, a.textOptions(a.stderr), "bulkhead: the registry's own %s believed; give %s, as its owner handed out, to compare", own, flags)
	}
	shown := a.steps(false)
	o.Progress = shown.auditing
	found, err := repo.Mirror(ctx, src, dst, o)
	shown.done()
	if err != nil && found != nil && !found.Sound() {
		if err := a.result(newAuditReport(found)); err != nil {
			return err
		}
		return exit(ExitErrors)
	}
	if err != nil {
		return failed("The registry was not copied", err)
	}
	out := newAuditReport(found)
	out.CopiedTo = dst.String()
	if err := a.result(out); err != nil {
		return err
	}
	return asExit(auditCode(found))
}
