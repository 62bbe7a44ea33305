// SPDX-License-Identifier: Apache-2.0

package archive

import "fmt"

// Rule names the rule that an archive breaks.
type Rule string

// The rules of the package's documentation.
const (
	RuleFrame    Rule = "frame"    // it is not one Zstandard frame as described
	RuleHeader   Rule = "header"   // a tar header is not in the one spelling
	RuleLink     Rule = "link"     // a symbolic or hard link
	RuleSpecial  Rule = "special"  // a device, a pipe, a directory
	RuleMode     Rule = "mode"     // set-id bits, or other modes than 0644 and 0755
	RuleName     Rule = "name"     // a name that some system could not have or would misread
	RuleClash    Rule = "clash"    // two names that are one on some system
	RuleOrder    Rule = "order"    // names that are not in order, or there twice
	RuleLimit    Rule = "limit"    // more files or bytes than allowed or promised
	RuleEnd      Rule = "end"      // it ends too early, or not where its end is
	RuleManifest Rule = "manifest" // the manifest is missing, incomplete, or does not fit
)

// RefusedError says why something is no archive, or cannot become one.
type RefusedError struct {
	Rule   Rule
	Name   string // of the file in the archive; empty when it is about the whole
	Reason string
}

// Error names the file and says what is wrong with it.
func (e *RefusedError) Error() string {
	if e.Name == "" {
		return "the archive is refused: " + e.Reason
	}
	return fmt.Sprintf("the archive is refused: %q %s", e.Name, e.Reason)
}

func refuse(rule Rule, name, format string, args ...any) error {
	return &RefusedError{Rule: rule, Name: name, Reason: fmt.Sprintf(format, args...)}
}
