// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/secret"
)

// patience bounds an attempt that waits for somebody.
const patience = 10 * time.Second

// try does what a line says.
func try(ctx context.Context, target *fact.Target, line string) (string, error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "secret":
		return digest(rest)
	case "leak":
		return leak(rest)
	case "fail":
		return fail(rest)
	case "get":
		return get(ctx, rest)
	case "dial":
		return dial(rest)
	case "run":
		return run(ctx, strings.Fields(rest))
	case "read":
		data, err := target.ReadFile(rest)
		return string(data), err
	case "write":
		return write(target, rest)
	case "env":
		return target.Env[rest], nil
	case "own":
		return os.Getenv(rest), nil
	}
	return use(verb, rest)
}

func digest(name string) (string, error) {
	value, err := secret.Get(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(value))), nil
}

// leak logs a secret as careless programs do.
func leak(name string) (string, error) {
	value, err := secret.Get(name)
	if err != nil {
		return "", err
	}
	plugin.Logger().Warn("using token "+value, "token", value)
	fmt.Fprintln(os.Stderr, "Authorization: Bearer", value)
	fmt.Fprintln(os.Stderr, "Authorization: Basic", base64.StdEncoding.EncodeToString([]byte("user:"+value)))
	fmt.Fprintln(os.Stderr, "GET https://example.com/?"+url.Values{"token": {value}}.Encode())
	return "logged", nil
}

func fail(name string) (string, error) {
	value, err := secret.Get(name)
	if err != nil {
		return "", err
	}
	go func() { panic("cannot log in with " + value) }()
	time.Sleep(patience)
	return "survived", nil
}

func get(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := network.Client().Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return fmt.Sprint(response.StatusCode, " ", string(body)), err
}

func dial(address string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	return "connected", conn.Close()
}

func run(ctx context.Context, words []string) (string, error) {
	if len(words) == 0 {
		return "", fmt.Errorf("no program to run")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// write writes to the machine's path and reads it back.
func write(target *fact.Target, rest string) (string, error) {
	name, text, _ := strings.Cut(rest, " ")
	where := target.Root + name
	if target.Root == "/" {
		where = name
	}
	if err := os.WriteFile(where, []byte(text), 0o644); err != nil {
		return "", err
	}
	data, err := target.ReadFile(name)
	return string(data), err
}
