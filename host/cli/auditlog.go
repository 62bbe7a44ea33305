// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"sync"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// journal opens the audit log when the first thing happens that belongs into it.
type journal struct {
	once sync.Once
	log  *audit.Log
}

// auditLog is the log, nil when it cannot be kept: that is said once, and work
// goes on, unless the configuration requires the log.
func (s *session) auditLog() *audit.Log {
	s.journal.once.Do(func() {
		dir, err := audit.DefaultDir()
		if err == nil {
			s.journal.log, err = audit.Open(dir, audit.Host{Version: version.Version})
		}
		if err != nil {
			s.app.log.Warn("no audit log is kept", "reason", err)
			return
		}
		s.journal.log.Required = s.auditRequired()
	})
	return s.journal.log
}

// auditRequired reports whether nothing may happen without a record of it.
func (s *session) auditRequired() bool { return s.cfg != nil && s.cfg.Host.Audit == "required" }

// admitAudit refuses to go on without a log that the configuration requires.
func (s *session) admitAudit() error {
	if s.auditRequired() && s.auditLog() == nil {
		return &failure{code: ExitConfig, summary: "The audit log cannot be kept",
			err: fmt.Errorf("the configuration says host { audit = \"required\" }; `bulkhead audit verify` tells more")}
	}
	return nil
}

// closeAudit writes what is left.
func (s *session) closeAudit() {
	if s.journal.log == nil {
		return
	}
	if err := s.journal.log.Close(); err != nil {
		s.app.log.Warn("the audit log is not complete", "reason", err)
	}
}
