// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"syscall"
)

// openExecutable opens a plugin's file and checks its digest. The descriptor is
// what gets executed; want may be empty.
func openExecutable(path, want, cacheDir string) (exe *os.File, digest string, err error) {
	if exe, err = openRegular(path); err != nil {
		return nil, "", err
	}
	digest, err = digestOf(exe, cacheDir)
	if err == nil && want != "" && digest != want {
		err = &DigestError{Path: path, Want: want, Got: digest}
	}
	if err != nil {
		_ = exe.Close()
		return nil, "", err
	}
	return exe, digest, nil
}

// openRegular opens a regular file for reading.
func openRegular(path string) (*os.File, error) {
	// Without O_NONBLOCK the open of a named pipe would wait for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if _, err := identify(file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// digestOf returns the digest of an open file, from the cache if it holds it.
func digestOf(file *os.File, cacheDir string) (string, error) {
	before, err := identify(file)
	if err != nil {
		return "", err
	}
	cache := digestCache{cacheDir}
	if digest, ok := cache.load(before); ok {
		return digest, nil
	}
	digest, err := measure(file)
	if err != nil {
		return "", err
	}
	after, err := identify(file)
	if err != nil {
		return "", err
	}
	if before != after {
		return "", fmt.Errorf("%s changed while it was read; try again when its installation is complete", file.Name())
	}
	cache.store(after, digest)
	return digest, nil
}

// identify returns what tells one state of a regular file from another.
func identify(file *os.File) (fileID, error) {
	info, err := file.Stat()
	if err != nil {
		return fileID{}, err
	}
	if !info.Mode().IsRegular() {
		return fileID{}, fmt.Errorf("%s is not a regular file", file.Name())
	}
	return fileIDOf(info), nil
}

// measure hashes the whole file without moving its offset.
func measure(file *os.File) (string, error) {
	hash := sha256.New()
	reader := io.NewSectionReader(file, 0, 1<<62)
	if _, err := io.CopyBuffer(hash, struct{ io.Reader }{reader}, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}
