// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"

	"github.com/DeRuina/timberjack"
	"github.com/hashicorp/go-hclog"
)

// openLog makes the logger: warnings on standard error, everything with
// --debug, and a rotated file that always holds everything.
func (a *app) openLog() error {
	level := hclog.Warn
	if a.flags.debug {
		level = hclog.Debug
	}
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{
		Name: "bulkhead", Level: level, Output: a.stderr, JSONFormat: a.flags.logJSON,
	})
	if a.flags.logFile != "" {
		// The rotation would take a directory for an old log and rename it.
		if info, err := os.Stat(a.flags.logFile); err == nil && info.IsDir() {
			return misuse("--log-file %s is a directory; name a file in it", a.flags.logFile)
		}
		file := &timberjack.Logger{Filename: a.flags.logFile, MaxSize: 10, MaxBackups: 5}
		if _, err := file.Write(nil); err != nil {
			return &failure{code: ExitConfig, summary: "The log file cannot be written", err: err}
		}
		a.closers = append(a.closers, file)
		log.RegisterSink(hclog.NewSinkAdapter(&hclog.LoggerOptions{
			Level: hclog.Debug, Output: io.Writer(file), JSONFormat: a.flags.logJSON,
		}))
	}
	a.log = log
	return nil
}

// logLevel is what the configuration asks to see on standard error; --debug
// sees everything in any case.
func (a *app) logLevel(name string) {
	if level := hclog.LevelFromString(name); level != hclog.NoLevel && !a.flags.debug {
		a.log.SetLevel(level)
	}
}
