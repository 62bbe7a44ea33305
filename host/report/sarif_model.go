// SPDX-License-Identifier: Apache-2.0

package report

import (
	"net/url"
	"path"
	"strings"
)

// The objects of SARIF 2.1.0 that WriteSARIF uses, in the words of the
// standard.
type (
	sarifLog struct {
		Version string     `json:"version"`
		Schema  string     `json:"$schema"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool                `json:"tool"`
		Invocations []sarifInvocation        `json:"invocations"`
		Automation  sarifAutomation          `json:"automationDetails"`
		Bases       map[string]sarifArtifact `json:"originalUriBaseIds,omitempty"`
		ColumnKind  string                   `json:"columnKind"`
		Results     []sarifResult            `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID         string     `json:"id"`
		Short      *sarifText `json:"shortDescription,omitempty"`
		Full       *sarifText `json:"fullDescription,omitempty"`
		Help       *sarifText `json:"help,omitempty"`
		HelpURI    string     `json:"helpUri,omitempty"`
		Properties *sarifTags `json:"properties,omitempty"`
	}
	sarifTags struct {
		Tags []string `json:"tags"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		Successful      bool                `json:"executionSuccessful"`
		ExitCode        *int                `json:"exitCode,omitempty"`
		ExitDescription string              `json:"exitCodeDescription,omitempty"`
		Start           string              `json:"startTimeUtc"`
		End             string              `json:"endTimeUtc"`
		Notifications   []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Kind         string             `json:"kind"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   sarifProperties    `json:"properties"`
	}
	sarifProperties struct {
		Confidence float64  `json:"confidence"`
		Subject    string   `json:"subject,omitempty"`
		Plugin     string   `json:"plugin,omitempty"`
		RootCause  string   `json:"rootCause,omitempty"`
		Explains   []string `json:"explains,omitempty"`
		Fixes      []string `json:"fixes,omitempty"`
		Verify     []string `json:"verify,omitempty"`
	}
	sarifLocation struct {
		ID       int            `json:"id,omitempty"`
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name     string `json:"name"`
		FullName string `json:"fullyQualifiedName"`
		Kind     string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification,omitempty"`
	}
)

// projectBase is the name by which code scanners know the top of a checkout.
const projectBase = "%SRCROOT%"

// fileURI is the URI of a path on the examined machine; a path that is not
// absolute stays relative.
func fileURI(name string) string {
	name = slashed(name)
	switch {
	case strings.HasPrefix(name, "/"):
		return "file://" + escapedPath(name)
	case len(name) > 1 && name[1] == ':':
		return "file:///" + escapedPath(name)
	}
	return escapedPath(name)
}

// escapedPath writes a path as the path of a URI. The colon is escaped, too,
// so that the first segment is never taken for a scheme; that of a Windows
// drive stays.
func escapedPath(name string) string {
	segments := strings.Split(name, "/")
	for i, s := range segments {
		if len(s) == 2 && s[1] == ':' && i == 0 {
			continue
		}
		segments[i] = strings.ReplaceAll(url.PathEscape(s), ":", "%3A")
	}
	return strings.Join(segments, "/")
}

// relative returns the path of a file below a directory, and whether it is.
func relative(name, dir string) (string, bool) {
	if dir == "" || name == "" {
		return "", false
	}
	name, dir = path.Clean(slashed(name)), strings.TrimSuffix(path.Clean(slashed(dir)), "/")
	if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
		return rest, true
	}
	return "", false
}

// slashed writes the separators of a Windows path as slashes.
func slashed(name string) string {
	if len(name) > 1 && name[1] == ':' || strings.HasPrefix(name, `\\`) {
		return strings.ReplaceAll(name, `\`, "/")
	}
	return name
}

// isLink reports whether s is a web address and nothing else.
func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && Clean(s) == s && !strings.ContainsAny(s, " \n")
}
