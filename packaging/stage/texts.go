// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/bulkhead-ml/bulkhead/host/cli"
	"github.com/bulkhead-ml/bulkhead/packaging/licence"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// texts writes what is the same on every platform.
func (s *stager) texts(plugins []source) error {
	if err := s.manuals(cli.Root()); err != nil {
		return fmt.Errorf("manual pages: %w", err)
	}
	if err := s.completions(cli.Root()); err != nil {
		return fmt.Errorf("completions: %w", err)
	}
	if err := s.notices(plugins); err != nil {
		return fmt.Errorf("licences: %w", err)
	}
	return s.rootFS()
}

// manuals writes a page for each command, plain for archives and compressed for
// packages.
func (s *stager) manuals(root *cobra.Command) error {
	seconds, err := strconv.ParseInt(s.epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	day := time.Unix(seconds, 0).UTC()
	dir := filepath.Join(s.out, "man")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Date: &day, Source: "Bulkhead " + version.Version, Manual: "Bulkhead"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return err
	}
	return compressAll(dir, filepath.Join(s.out, "man-gz"))
}

// compressAll compresses the files of one directory into another, without names
// and times, so that the same page gives the same bytes.
func compressAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		packed, err := compress(data)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()+".gz"), packed, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func compress(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// completions writes the scripts of the four shells, under the names by which the
// shells find them.
func (s *stager) completions(root *cobra.Command) error {
	dir := filepath.Join(s.out, "completions")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// Without this cobra would describe a command that it adds on first use.
	root.InitDefaultHelpCmd()
	for name, write := range map[string]func(string) error{
		"bulkhead":      func(f string) error { return root.GenBashCompletionFileV2(f, true) },
		"_bulkhead":     root.GenZshCompletionFile,
		"bulkhead.fish": func(f string) error { return root.GenFishCompletionFile(f, true) },
		"bulkhead.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// notices writes the licence texts of every library in the release, on any
// platform, and refuses one that may not be in it.
func (s *stager) notices(plugins []source) error {
	packages := []string{"./host/cmd/bulkhead"}
	for _, p := range plugins {
		packages = append(packages, "./"+p.dir)
	}
	modules, err := licence.Modules(licence.Build{Root: s.root, Tags: tags, Packages: packages, Platforms: releasePlatforms})
	if err != nil {
		return err
	}
	parts, err := s.compilerParts()
	if err != nil {
		return err
	}
	modules = append(modules, parts...)
	if err := licence.Check(modules); err != nil {
		return err
	}
	goRoot, err := s.run(nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	text, err := licence.Notices(modules, strings.TrimSpace(goRoot))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.out, "THIRD_PARTY_LICENSES"), text, 0o644)
}

// compilerParts are what the C compiler adds, none without one.
func (s *stager) compilerParts() ([]licence.Module, error) {
	if s.zig == "" {
		return nil, nil
	}
	version, err := s.run(nil, s.zig, "version")
	if err != nil {
		return nil, err
	}
	return licence.Compiler(filepath.Dir(s.zig), strings.TrimSpace(version))
}

// rootFS writes what the container image has beside the host: a user who is not
// root, a home and a place for temporary files that are the user's, and the
// certificates of public authorities, for registries over HTTPS.
func (s *stager) rootFS() error {
	if s.cacert == "" {
		return nil
	}
	certs, err := os.ReadFile(s.cacert)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"etc/passwd":                        "root:x:0:0:root:/:/sbin/nologin\nbulkhead:x:65532:65532:Bulkhead:/home/bulkhead:/sbin/nologin\n",
		"etc/group":                         "root:x:0:\nbulkhead:x:65532:\n",
		"etc/ssl/certs/ca-certificates.crt": string(certs),
		"home/bulkhead/.keep":               "",
		"home/bulkhead/tmp/.keep":           "",
	} {
		file := filepath.Join(s.out, "rootfs", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
