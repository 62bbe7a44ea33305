// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// guarded is an OCI registry that wants a token for each request, and the server
// that gives them out (the distribution specification's token and OAuth 2 flows).
type guarded struct {
	*distribution
	uses   int    // requests that a token is good for; 0 is all
	writer string // who may push: ann or nobody

	mu     sync.Mutex
	tokens map[string]*token
	asked  []string // how tokens were asked for
	seen   []string // the schemes of Authorization that the registry itself was sent
}

type token struct {
	scopes []string
	uses   int
}

const (
	password = "hunter2"
	identity = "identity-of-ann"
)

func newGuarded(t *testing.T, g *guarded) *guarded {
	g.distribution = &distribution{ranges: true, blobs: map[string][]byte{}, manifests: map[string][]byte{}}
	g.tokens = map[string]*token{}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = "oci://" + strings.TrimPrefix(server.URL, "http://") + "/acme/registry"
	return g
}

func (g *guarded) host() string {
	return strings.TrimSuffix(strings.TrimPrefix(g.url, "oci://"), "/acme/registry")
}

// ServeHTTP asks for a token before it serves.
func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path == "/token" {
		g.issue(w, r)
		return
	}
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	g.seen = append(g.seen, scheme)
	action := "pull"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		action = "push"
	}
	have := g.tokens[bearer]
	if have == nil || have.uses == 0 || !slices.Contains(have.scopes, "acme/registry:"+action) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="registry.test",scope="repository:acme/registry:%s"`, r.Host, action))
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	have.uses--
	g.distribution.ServeHTTP(w, r)
}

// issue gives a token for what whoever asks may do of what is asked for.
func (g *guarded) issue(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // what cannot be read is not there
	user, pass, basic := r.BasicAuth()
	grant := r.Form.Get("grant_type")
	g.asked = append(g.asked, strings.TrimSpace(r.Method+" "+grant))
	ann := user == "ann" && pass == password || grant == "refresh_token" && r.Form.Get("refresh_token") == identity
	if (basic || grant != "") && !ann || r.Form.Get("service") != "registry.test" {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	name := fmt.Sprintf("token-%d", len(g.tokens))
	t := &token{uses: g.uses}
	if t.uses == 0 {
		t.uses = -1
	}
	for _, scope := range r.Form["scope"] {
		for s := range strings.FieldsSeq(scope) {
			kind, actions, _ := strings.Cut(strings.TrimPrefix(s, "repository:"), ":")
			for a := range strings.SplitSeq(actions, ",") {
				if a == "pull" && ann || a == "push" && ann && g.writer == "ann" {
					t.scopes = append(t.scopes, kind+":"+a)
				}
			}
		}
	}
	g.tokens[name] = t
	_ = json.NewEncoder(w).Encode(map[string]any{"token": name, "access_token": name, "expires_in": 60}) // a client may leave
}

// open opens the registry with a config.json of Docker.
func (g *guarded) open(t *testing.T, config string) files.Store {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600))
	t.Setenv("DOCKER_CONFIG", dir)
	s, err := files.OpenStore(g.url, files.Options{Pause: time.Millisecond, LockDir: t.TempDir()})
	must(t, err)
	return s
}

func (g *guarded) auths(pass string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, g.host(), base64.StdEncoding.EncodeToString([]byte("ann:"+pass)))
}

// roundTrip writes two files and reads them.
func roundTrip(t *testing.T, s files.Store) {
	t.Helper()
	for _, name := range []string{"log/checkpoint", "targets/x"} {
		must(t, s.Put(t.Context(), name, strings.NewReader("note "+name)))
	}
	for _, name := range []string{"log/checkpoint", "targets/x"} {
		if data, err := files.ReadAll(t.Context(), s, name, 100); err != nil || string(data) != "note "+name {
			t.Fatalf("%s: %q, %v", name, data, err)
		}
	}
	body, info, err := s.Open(t.Context(), "targets/x", 5)
	must(t, err)
	rest, err := io.ReadAll(body)
	must(t, errors.Join(err, body.Close()))
	if info.Offset != 5 || string(rest) != "targets/x" {
		t.Errorf("from byte 5 on: %+v, %q", info, rest)
	}
}

func TestOCIBearerTokens(t *testing.T) {
	g := newGuarded(t, &guarded{writer: "ann"})
	roundTrip(t, g.open(t, g.auths(password)))
	if slices.Contains(g.seen, "Basic") || slices.ContainsFunc(g.asked, func(how string) bool { return how != "GET" }) {
		t.Errorf("the password went to the registry, or not to the token server: %q, %q", g.seen, g.asked)
	}
	if len(g.asked) > 4 {
		t.Errorf("%d tokens for what one or two allow", len(g.asked))
	}
}

// A token may end between any two requests.
func TestOCIBearerTokensThatExpire(t *testing.T) {
	g := newGuarded(t, &guarded{writer: "ann", uses: 2})
	roundTrip(t, g.open(t, g.auths(password)))
	if len(g.asked) < 5 {
		t.Errorf("only %d tokens of two requests each", len(g.asked))
	}
}

func TestOCIIdentityToken(t *testing.T) {
	g := newGuarded(t, &guarded{writer: "ann"})
	roundTrip(t, g.open(t, fmt.Sprintf(`{"auths":{%q:{"identitytoken":%q,"auth":%q}}}`, g.host(), identity,
		base64.StdEncoding.EncodeToString([]byte("00000000-0000-0000-0000-000000000000:")))))
	for _, how := range g.asked {
		if how != "POST refresh_token" {
			t.Errorf("a token was asked for by %s", how)
		}
	}
}

// Who may read may not write, and what is wrong is said without what is secret.
func TestOCIBearerTokenThatIsNotEnough(t *testing.T) {
	g := newGuarded(t, &guarded{writer: "ann"})
	must(t, g.open(t, g.auths(password)).Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
	g.writer = "nobody"
	reader := g.open(t, g.auths(password))
	if data, err := files.ReadAll(t.Context(), reader, "log/checkpoint", 100); err != nil || string(data) != "note" {
		t.Errorf("%q, %v", data, err)
	}
	for what, s := range map[string]files.Store{"no push": reader, "wrong": g.open(t, g.auths("wrong")), "nothing": g.open(t, "{}")} {
		var status *files.StatusError
		err := s.Put(t.Context(), "log/checkpoint", strings.NewReader("other"))
		if !errors.As(err, &status) || status.Status != http.StatusUnauthorized || !strings.Contains(err.Error(), "docker login") || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// helper puts a credential helper of Docker on PATH that knows one host.
func (g *guarded) helper(t *testing.T, user, secret string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nread host\nif [ \"$1 $host\" = 'get %s' ]; then echo '{\"Username\":%q,\"Secret\":%q}'; exit 0; fi\n"+
		"echo 'credentials not found in native keychain'; exit 1\n", g.host(), user, secret)
	must(t, os.WriteFile(filepath.Join(dir, "docker-credential-bulkheadtest"), []byte(script), 0o700)) //nolint:gosec // it is run
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestOCICredentialHelpers(t *testing.T) {
	for what, secret := range map[string][2]string{"password": {"ann", password}, "identity token": {"<token>", identity}} {
		for _, config := range []string{`{"credsStore":"bulkheadtest"}`, `{"credHelpers":{"HOST":"bulkheadtest"}}`, `{"credsStore":"absent","credHelpers":{"HOST":"bulkheadtest"}}`} {
			t.Run(what+" "+config, func(t *testing.T) {
				g := newGuarded(t, &guarded{writer: "ann"})
				g.helper(t, secret[0], secret[1])
				roundTrip(t, g.open(t, strings.ReplaceAll(config, "HOST", g.host())))
			})
		}
	}
}

func TestOCICredentialHelpersThatFail(t *testing.T) {
	g := newGuarded(t, &guarded{writer: "ann"})
	_, err := files.ReadAll(t.Context(), g.open(t, `{"credsStore":"bulkhead-absent"}`), "log/checkpoint", 100)
	if err == nil || !strings.Contains(err.Error(), "docker-credential-bulkhead-absent") || !strings.Contains(err.Error(), "credsStore") || !strings.Contains(err.Error(), "docker login "+g.host()) {
		t.Errorf("a helper that is not there: %v", err)
	}
	g.helper(t, "ann", "wrong")
	var status *files.StatusError
	if _, err = files.ReadAll(t.Context(), g.open(t, `{"credsStore":"bulkheadtest"}`), "log/checkpoint", 100); !errors.As(err, &status) || status.Status != http.StatusUnauthorized {
		t.Errorf("a helper with an old password: %v", err)
	}
}

// A registry of this machine is spoken to in clear text, unless a CA file is given.
func TestOCIOverTLSOnThisMachine(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	d := &distribution{blobs: map[string][]byte{}, manifests: map[string][]byte{}}
	server, trusting := secure(t, d.ServeHTTP)
	address := "oci://" + strings.TrimPrefix(server.URL, "https://") + "/acme/registry"
	plain, err := files.OpenStore(address, files.Options{Pause: time.Millisecond})
	must(t, err)
	if err := plain.Put(t.Context(), "log/checkpoint", strings.NewReader("note")); err == nil || !strings.Contains(err.Error(), "CA file") {
		t.Errorf("in clear text: %v", err)
	}
	trusting.LockDir = t.TempDir()
	s, err := files.OpenStore(address, trusting)
	must(t, err)
	must(t, s.Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
}
