// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"maps"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// policy turns what the configuration says about checks into a selection.
func (s *session) policy(chosen config.Selection, catalog config.Catalog) (doctor.Selection, error) {
	out := doctor.Selection{
		Codes: chosen.Codes, Skips: map[string]string{},
		Severity: map[string]check.Severity{}, Config: map[string][]byte{},
	}
	maps.Copy(out.Skips, chosen.Skips)
	out.Excused, out.Waivers = excuses(chosen.Excused), s.waivers(catalog)
	for _, r := range chosen.Requires {
		out.Requires = append(out.Requires, requirement{r})
	}
	for _, c := range s.cfg.Checks {
		if err := s.checkPolicy(&out, c, catalog); err != nil {
			return out, err
		}
	}
	for code, of := range chosen.Severity { // those of a suite go before check blocks
		out.Severity[code] = severity(of)
	}
	return out, nil
}

// excuses are the skips of findings about some subjects.
func excuses(skips map[string][]*config.Skip) map[string][]doctor.Excuse {
	out := map[string][]doctor.Excuse{}
	for code, list := range skips {
		for _, s := range list {
			out[code] = append(out[code], doctor.Excuse{Subject: s.Subject, Reason: s.Reason})
		}
	}
	return out
}

// waivers are those of the configuration.
func (s *session) waivers(catalog config.Catalog) []doctor.Waiver {
	var out []doctor.Waiver
	for _, w := range s.cfg.Waivers {
		out = append(out, doctor.Waiver{
			Name: w.Name, Codes: w.Codes(s.cfg, catalog), Subject: w.Subject, Reason: w.Reason, By: w.By, Until: w.Until, At: w.Range.String(),
		})
	}
	return out
}

func (s *session) checkPolicy(out *doctor.Selection, c *config.Check, catalog config.Catalog) error {
	code, ok := config.CanonicalCode(catalog, c.Code)
	if !ok {
		return nil // Bind has said so
	}
	if c.Severity != "" {
		out.Severity[code] = severity(c.Severity)
	}
	description, ok := catalog.Check(code)
	if !ok {
		return nil
	}
	settings, diags := c.Settings(description.GetConfig())
	if diags.HasErrors() {
		return s.app.wrongConfig(diags)
	}
	out.Config[code] = settings.JSON
	return nil
}

func severity(s config.Severity) check.Severity {
	switch s {
	case config.SeverityInfo:
		return check.Info
	case config.SeverityWarning:
		return check.Warning
	}
	return check.Error
}

// requirement is a require block as the doctor sees it.
type requirement struct{ block *config.Require }

// Name is the label of the block.
func (r requirement) Name() string { return r.block.Name }

// Evaluate holds the condition against the facts.
func (r requirement) Evaluate(facts fact.Set) (ok bool, message string, s check.Severity, missing []string, err error) {
	values := map[string]json.RawMessage{}
	for _, f := range facts.All() {
		if f.Unknown == "" {
			values[f.Address] = f.Value
		}
	}
	ok, message, missing, diags := r.block.Eval(config.FactTree(values))
	if diags.HasErrors() {
		err = errors.Join(diags.Err())
	}
	return ok, message, severity(r.block.Severity), missing, err
}
