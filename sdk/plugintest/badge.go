// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Colours of a badge, with a contrast of more than 4.5 to white text.
const (
	badgeGreen = "#1a7f37"
	badgeRed   = "#b3261e"
	badgeGrey  = "#57606a"
	badgeLabel = "#24292f"
)

// Badge is an SVG image that says how many rules the plugin keeps. It has a title
// for screen readers, says in words what its colour says, and loads nothing.
func (r Report) Badge() []byte {
	message, colour := fmt.Sprintf("%d passed", r.Count(Passed)), badgeGreen
	switch failed := r.Count(Failed); {
	case failed > 0:
		message, colour = fmt.Sprintf("%d failed", failed), badgeRed
	case r.Count(Passed) == 0:
		message, colour = "nothing ran", badgeGrey
	}
	return badge("bulkhead contract", message, colour, "Bulkhead contract of "+r.Summary())
}

// badge draws two boxes. The width of the letters is set, so that any font fits.
func badge(label, message, colour, title string) []byte {
	left, right := textWidth(label)+12, textWidth(message)+12
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s">`+"\n", left+right, escape(title))
	fmt.Fprintf(&b, "  <title>%s</title>\n", escape(title))
	fmt.Fprintf(&b, `  <clipPath id="r"><rect width="%d" height="20" rx="3"/></clipPath>`+"\n", left+right)
	fmt.Fprintf(&b, `  <g clip-path="url(#r)"><rect width="%d" height="20" fill="%s"/><rect x="%d" width="%d" height="20" fill="%s"/></g>`+"\n",
		left, badgeLabel, left, right, colour)
	b.WriteString(`  <g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" aria-hidden="true">` + "\n")
	fmt.Fprintf(&b, `    <text x="6" y="14" textLength="%d">%s</text>`+"\n", left-12, escape(label))
	fmt.Fprintf(&b, `    <text x="%d" y="14" textLength="%d">%s</text>`+"\n  </g>\n</svg>\n", left+6, right-12, escape(message))
	return []byte(b.String())
}

// textWidth is about what a text takes in Verdana of 11 pixels.
func textWidth(text string) int { return 7 * len([]rune(text)) }

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}
