// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// nasty draws text as a hostile or an exotic plugin would write it.
var nasty = rapid.OneOf(
	rapid.StringN(1, 40, 200),
	rapid.StringOfN(rapid.SampledFrom([]rune("ab \n\t\x1b[]31m\x07\u009b\u202e\u200b漢字e\u0301🚀.-")), 1, 120, -1),
	rapid.SampledFrom([]string{"plain words of a message", "\x1b]0;title\x07", "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15"}),
)

var (
	severities = rapid.SampledFrom([]string{Error, Warning, Info, Unknown})
	someCode   = rapid.SampledFrom([]string{"gpu.driver-missing", "torch.too-new", "require.policy", "a.b.c"})
	someNasty  = rapid.SliceOfN(nasty, 0, 3)
)

var someEvidence = rapid.Custom(func(t *rapid.T) fact.Evidence {
	return fact.Evidence{Path: nasty.Draw(t, "path"), Line: rapid.IntRange(0, 9999).Draw(t, "line"), Call: nasty.Draw(t, "call"), Value: nasty.Draw(t, "value")}
})

var someRemedy = rapid.Custom(func(t *rapid.T) Remedy {
	return Remedy{
		ID: nasty.Draw(t, "id"), Summary: nasty.Draw(t, "summary"), Kind: nasty.Draw(t, "kind"),
		Risk:    rapid.SampledFrom([]string{"low", "medium", "high", "unknown"}).Draw(t, "risk"),
		Preview: []string{"short"},
	}
})

var someFinding = rapid.Custom(func(t *rapid.T) Finding {
	code := someCode.Draw(t, "code")
	return Finding{
		ID: fmt.Sprintf("%s[%d]", code, rapid.Uint32().Draw(t, "number")), Code: code, Area: nasty.Draw(t, "area"),
		Severity: severities.Draw(t, "severity"), Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence"),
		Subject: nasty.Draw(t, "subject"), Title: nasty.Draw(t, "title"), Detail: nasty.Draw(t, "detail"), Cause: nasty.Draw(t, "cause"),
		Evidence: rapid.SliceOfN(someEvidence, 0, 6).Draw(t, "evidence"), Remedies: rapid.SliceOfN(someRemedy, 0, 2).Draw(t, "remedies"),
		Explains: someNasty.Draw(t, "explains"), Plugin: nasty.Draw(t, "plugin"),
	}
})

var someDiagnostic = rapid.Custom(func(t *rapid.T) Diagnostic {
	d := Diagnostic{
		Severity: rapid.SampledFrom([]string{Error, Warning, Info}).Draw(t, "severity"),
		Summary:  nasty.Draw(t, "summary"), Detail: nasty.Draw(t, "detail"), Plugin: nasty.Draw(t, "plugin"), Debug: nasty.Draw(t, "debug"),
	}
	if rapid.Bool().Draw(t, "placed") {
		d.Range = &Range{File: nasty.Draw(t, "file"), Start: Pos{Line: rapid.IntRange(1, 99999).Draw(t, "line")}}
		d.Snippet = &Snippet{Code: nasty.Draw(t, "code"), Start: rapid.IntRange(0, 50).Draw(t, "start"), Length: rapid.IntRange(0, 50).Draw(t, "length")}
	}
	return d
})

var somePlugin = rapid.Custom(func(t *rapid.T) Plugin {
	return Plugin{Name: nasty.Draw(t, "name"), Version: nasty.Draw(t, "version"), Digest: digest, Sandbox: Sandbox{
		Level: nasty.Draw(t, "level"), Walls: []Wall{{Name: nasty.Draw(t, "wall"), On: rapid.Bool().Draw(t, "on")}},
	}}
})

var someArea = rapid.Custom(func(t *rapid.T) Area {
	return Area{nasty.Draw(t, "name"), rapid.SampledFrom([]string{Healthy, Skipped, Error, Warning, Info, Unknown}).Draw(t, "status"), nasty.Draw(t, "headline")}
})

var someDoctor = rapid.Custom(func(t *rapid.T) Doctor {
	d := Doctor{
		Tool: tool, Target: Target{Kind: TargetRoot, Path: nasty.Draw(t, "root")}, StartedAt: when, Level: 1, DurationMS: rapid.Float64Range(0, 1e7).Draw(t, "ms"),
		Summary: Summary{Errors: rapid.IntRange(0, 9).Draw(t, "errors"), Worst: Error, TimedOut: rapid.Bool().Draw(t, "late")},
		Areas:   rapid.SliceOfN(someArea, 0, 6).Draw(t, "areas"), Findings: rapid.SliceOfNDistinct(someFinding, 0, 5, func(f Finding) string { return f.ID }).Draw(t, "findings"),
		Plugins: rapid.SliceOfN(somePlugin, 0, 2).Draw(t, "plugins"), Diagnostics: rapid.SliceOfN(someDiagnostic, 0, 3).Draw(t, "diagnostics"),
		Skipped: []Skip{{Code: someCode.Draw(t, "skipped"), Reason: nasty.Draw(t, "reason")}},
	}
	for i, f := range d.Findings {
		if f.Severity == Error || f.Severity == Warning {
			cause := RootCause{ID: f.ID, Code: f.Code, Subject: f.Subject, Severity: f.Severity, Title: f.Title}
			for _, other := range d.Findings[i+1:] {
				cause.Explains = append(cause.Explains, other.ID)
			}
			d.RootCauses = append(d.RootCauses, cause)
		}
	}
	return d
})

var someRun = rapid.Custom(func(t *rapid.T) Run {
	statuses := rapid.SampledFrom([]string{RunOK, RunFailed, Skipped, RunCancelled, RunTimedOut, NodePending})
	node := rapid.Custom(func(t *rapid.T) Node {
		return Node{
			Name: nasty.Draw(t, "name"), Use: nasty.Draw(t, "use"), Status: statuses.Draw(t, "status"), Reason: nasty.Draw(t, "reason"),
			WallMS: rapid.Float64Range(0, 1e8).Draw(t, "wall"), RowsIn: rapid.Int64Range(0, 1<<62).Draw(t, "rows"), BytesIn: rapid.Int64Range(0, 1<<62).Draw(t, "bytes"),
			Report: Raw(nasty.Draw(t, "report")), Diagnostics: rapid.SliceOfN(someDiagnostic, 0, 2).Draw(t, "diagnostics"),
		}
	})
	return Run{
		Tool: tool, RunID: "5c7be21fa0b3d9e4", Pipeline: nasty.Draw(t, "pipeline"), Status: RunFailed, StartedAt: when, Preflight: someDoctor.Draw(t, "preflight").Short("suite"),
		Nodes: rapid.SliceOfN(node, 0, 4).Draw(t, "nodes"), Error: &ErrorInfo{Summary: nasty.Draw(t, "summary"), Diagnostics: rapid.SliceOfN(someDiagnostic, 0, 2).Draw(t, "more")},
	}
})

// TestAnyDocument draws documents full of hostile text. Whatever stands in
// them, the text fits and is harmless, colours add nothing, and the JSON is
// valid under the published schema.
func TestAnyDocument(t *testing.T) {
	doctor, run := compiled(t, "doctor"), compiled(t, "run")
	t.Run("doctor", rapid.MakeCheck(func(t *rapid.T) { holds(t, someDoctor.Draw(t, "document"), doctor) }))
	t.Run("run", rapid.MakeCheck(func(t *rapid.T) { holds(t, someRun.Draw(t, "document"), run) }))
}

func holds(t *rapid.T, d document, schema *jsonschema.Schema) {
	opt := Options{
		Width: rapid.IntRange(40, 140).Draw(t, "width"), Verbose: rapid.Bool().Draw(t, "verbose"),
		Debug: rapid.Bool().Draw(t, "debug"), ASCII: rapid.Bool().Draw(t, "ascii"),
	}
	plain := asText(t, d, opt)
	harmless(t, "text", plain)
	fits(t, "text", plain, opt.Width)
	opt.Color = true
	if colored := Clean(asText(t, d, opt)); trimLines(colored) != plain {
		t.Errorf("colour changes the text:\n%s\n%s", plain, colored)
	}
	if err := validate(t, schema, asJSON(t, d)); err != nil {
		t.Error(err)
	}
}
