// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// browse opens a page in a real browser and returns its document afterwards
// and what the browser logged.
func browse(t *testing.T, page string) (dom, log string) {
	t.Helper()
	if os.Getenv("BULKHEAD_LONG_TESTS") == "" {
		t.Skip("set BULKHEAD_LONG_TESTS=1 to open a browser")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here")
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", "--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--dump-dom", "file://"+path)
	var out, errors strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errors.String())
	}
	return out.String(), errors.String()
}

// TestPageRunsInABrowser: its own policy lets its style and script run, and
// nothing is refused.
func TestPageRunsInABrowser(t *testing.T) {
	g := random(60, true)
	g.Nodes[3].Label = `<img src="https://example.org/x.png" onerror="document.title='taken'">`
	dom, log := browse(t, mustRender(t, g, HTML, Options{}))
	if !strings.Contains(dom, `class="live"`) {
		t.Error("the script did not run")
	}
	if strings.Contains(log, "CONSOLE") || strings.Contains(log, "Content Security Policy") || strings.Contains(dom, "<title>taken") {
		t.Errorf("the browser logged\n%s", log)
	}
}

// TestToolsOfThePage drives the page by its keys and search box. The policy is
// taken out, since it refuses the driver.
func TestToolsOfThePage(t *testing.T) {
	page := mustRender(t, random(300, true), HTML, Options{})
	page = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(page, "")
	dom, _ := browse(t, strings.Replace(page, "</body>", "<script>"+pageDriver+"</script></body>", 1))
	_, rest, _ := strings.Cut(dom, `<pre id="seen">`)
	text, _, _ := strings.Cut(rest, "</pre>")
	var seen struct {
		Found, Again, Dimmed, Hidden, Cleared, Moved int
		Said, Next, Focus, Down                      string
		Whole                                        bool
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &seen); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	if seen.Found != 10 || seen.Said != "10 nodes found" || seen.Dimmed != 290 || seen.Hidden != 290 || seen.Next != "step_120, 1 of 10" || seen.Cleared != 0 {
		t.Errorf("search: %+v", seen)
	}
	if seen.Focus != "n0" || seen.Down == "n0" || !strings.HasPrefix(seen.Down, "n") || seen.Moved == 0 || !seen.Whole {
		t.Errorf("keys: %+v", seen)
	}
}

const pageDriver = `
const seen = {}, box = document.getElementById("search"), svg = document.querySelector("#view svg"), all = s => document.querySelectorAll(s).length;
const key = (on, key) => on.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const home = svg.getAttribute("viewBox");
box.value = "step_12"; box.dispatchEvent(new Event("input"));
seen.Found = all(".node.found"); seen.Said = document.getElementById("say").textContent; seen.Dimmed = all(".node.dim"); seen.Hidden = all("tr.hidden");
key(box, "Enter"); seen.Next = document.getElementById("say").textContent.replace(" ◆", "");
key(box, "Escape"); seen.Cleared = all(".dim") + all("tr.hidden");
document.getElementById("n0").focus(); seen.Focus = document.activeElement.id;
key(document.activeElement, "ArrowDown"); seen.Down = document.activeElement.id;
seen.Moved = all(".edge.near");
key(document.activeElement, "0"); seen.Whole = svg.getAttribute("viewBox").startsWith("0 0 ") && svg.getAttribute("viewBox") !== home;
document.body.insertAdjacentHTML("afterbegin", "<pre id=seen></pre>");
document.getElementById("seen").textContent = JSON.stringify(seen);
`
