// SPDX-License-Identifier: Apache-2.0

// Package secret reads the secrets that the user granted to a plugin.
//
// A grant of kind "secret" names a secret; the user decides what stands behind
// the name. The host writes each granted secret into a file of that name, in a
// directory that only this plugin can read and that is gone when the plugin is,
// and tells the directory in the environment variable [EnvDir]. Secrets are never in
// the environment or among the arguments, where other programs and crash reports
// would see them.
//
//	token, err := secret.Get("hf_token")
//
// To try a plugin without a host, set the variable to a directory of such files.
package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	// EnvDir names the variable that holds the directory of the secrets.
	EnvDir = "BULKHEAD_SECRETS_DIR"
	// MaxBytes is the longest secret in bytes.
	MaxBytes = 64 << 10
	// MaxName is the longest name of a secret in bytes.
	MaxName = 128
)

// ErrNotGranted is what every [NotGrantedError] is, for errors.Is.
var ErrNotGranted = errors.New("not granted")

// NotGrantedError means that the user granted no secret of this name.
type NotGrantedError struct{ Name string }

// Error names the secret and the grant to ask for.
func (e *NotGrantedError) Error() string {
	return fmt.Sprintf("secret %q is not granted; grant needed: {\"kind\": \"secret\", \"name\": %q}", e.Name, e.Name)
}

// Is makes the error an ErrNotGranted.
func (e *NotGrantedError) Is(target error) bool { return target == ErrNotGranted }

// CheckName says what is wrong with the name of a secret: letters, digits, '_',
// '-' and '.' are allowed, not '.' at the beginning, and MaxName bytes.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("secret %.40q: a name has 1 to %d letters", name, MaxName)
	case name[0] == '.':
		return fmt.Errorf("secret %q: a name does not begin with a dot", name)
	case strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") != "":
		return fmt.Errorf("secret %q: use letters, digits, '_', '-' and '.'", name)
	}
	return nil
}

// Get returns the secret of this name, byte for byte as the user gave it to the
// host. The error is a [NotGrantedError] if there is none, or if this process was
// started without any.
func Get(name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	dir := os.Getenv(EnvDir)
	if dir == "" {
		return "", &NotGrantedError{name}
	}
	// Nothing in the directory may lead out of it.
	file, err := os.OpenInRoot(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &NotGrantedError{name}
	}
	if err != nil {
		return "", fmt.Errorf("secret %q: %w", name, err)
	}
	defer file.Close()
	return read(name, file)
}

// read takes the whole of a regular file that is not too large.
func read(name string, file *os.File) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("secret %q: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("secret %q: %s is not a regular file", name, file.Name())
	}
	value, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if err != nil {
		return "", fmt.Errorf("secret %q: %w", name, err)
	}
	if len(value) > MaxBytes {
		return "", fmt.Errorf("secret %q has more than %d bytes", name, MaxBytes)
	}
	return string(value), nil
}
