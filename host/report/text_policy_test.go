// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"testing"
)

// TestWaivedFindingsAreShownAndDoNotCount: they are no root causes and have a
// place of their own, terse and verbose.
func TestWaivedFindingsAreShownAndDoNotCount(t *testing.T) {
	terse := asText(t, judged(), Options{})
	for _, want := range []string{
		"waived   Persistence mode is off (GPU 0)\n         waived by ada until 2027-01-31: the cluster team decides\n", "1 note, 1 waived.",
	} {
		if !strings.Contains(terse, want) {
			t.Errorf("%q is not in:\n%s", want, terse)
		}
	}
	verbose := asText(t, judged(), Options{Verbose: true})
	for _, want := range []string{
		"Waived\n  Persistence mode is off\n    waived by ada until 2027-01-31: the cluster team decides\n    At: GPU 0\n",
		"system.disk-low  /mnt/backup: full on purpose\n", "12 ms (facts cached), sandbox full",
	} {
		if !strings.Contains(verbose, want) {
			t.Errorf("%q is not in:\n%s", want, verbose)
		}
	}
	if strings.Contains(verbose, "Also (warning): Persistence") {
		t.Error("a waived finding is a root cause")
	}
}

func TestManyWaivedFindingsAreCounted(t *testing.T) {
	d := healthy()
	for i := range 9 {
		d.Findings = append(d.Findings, Finding{ID: fmt.Sprint("a.b", i), Code: "a.b", Severity: Error, Title: fmt.Sprint("Fault ", i), Waived: &Waiver{Until: "2027-01-31", Reason: "later"}})
	}
	d.Summary.Waived = 9
	text := asText(t, d, Options{})
	if !strings.Contains(text, "         and 4 more with -v\n") || strings.Count(text, "waived until 2027-01-31: later") != 5 || !strings.Contains(text, "Nothing wrong was found, 9 waived.") {
		t.Errorf("got:\n%s", text)
	}
}

// TestCompactCausesSayWhatToDo: the second root cause has its first way out and
// the end of its subject.
func TestCompactCausesSayWhatToDo(t *testing.T) {
	text := asText(t, judged(), Options{Width: 60})
	for _, want := range []string{
		"         Fix: Remount it with more room.\n         bulkhead explain system.shm-small\n",
		"warning  pip installs torch without the index for CUDA\n         At: /home/ada/train/Dockerfile\n",
		"1 note, 1 waived.\n31 checks run, 2 skipped, 123 ms.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
}

// TestTextAtEverySize: 0, 1 and 12 findings at 80 and 40 columns are short, end
// with the next command and lead with the cause that explains most.
func TestTextAtEverySize(t *testing.T) {
	for _, findings := range []int{0, 1, 12} {
		d := healthy()
		for i := range findings {
			f := Finding{
				ID: fmt.Sprintf("gpu.fault-%d[GPU %d]", i, i), Code: fmt.Sprintf("gpu.fault-%d", i), Area: "gpu", Severity: Error, Confidence: 1, Subject: fmt.Sprintf("GPU %d at 0000:%02d:00.0", i, i),
				Title: "The GPU has reported an error that needs a reset", Detail: "It was seen in the kernel log.", Remedies: []Remedy{{Summary: "Reset the GPU.", Preview: []string{"sudo nvidia-smi --gpu-reset"}}},
			}
			d.Findings = append(d.Findings, f)
			d.RootCauses = append(d.RootCauses, RootCause{ID: f.ID, Code: f.Code, Severity: Error, Title: f.Title})
		}
		d.Summary.Errors = findings
		for _, width := range []int{80, 40} {
			text := asText(t, d, Options{Width: width})
			fits(t, fmt.Sprint(findings), text, width)
			if lines := strings.Count(text, "\n"); lines > 75 {
				t.Errorf("%d findings at %d columns take %d lines:\n%s", findings, width, lines, text)
			}
			if findings > 0 && !strings.HasSuffix(text, "Next: bulkhead explain gpu.fault-0\n") {
				t.Errorf("%d findings at %d columns end without the next command:\n%s", findings, width, text)
			}
			if findings == 12 && !strings.Contains(text, "and 1 more with -v") {
				t.Errorf("what is hidden is not counted:\n%s", text)
			}
		}
	}
}
