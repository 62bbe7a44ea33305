// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/packaging/bom"
)

// maxHost is the largest host that is read, in bytes.
const maxHost = 1 << 30

// hostOf describes the host in an archive, and tells the platform that it is for.
func hostOf(archive string, licences bom.Licences) (bom.Executable, string, error) {
	name, data, err := extract(archive)
	if err != nil {
		return bom.Executable{}, "", err
	}
	platform, err := platformOf(data)
	if err != nil {
		return bom.Executable{}, "", fmt.Errorf("%s in %s: %w", name, archive, err)
	}
	e, err := bom.Read(name, bytes.NewReader(data), licences)
	return e, platform, err
}

// platformOf reads for which platform an executable was built.
func platformOf(data []byte) (string, error) {
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["GOOS"] == "" || settings["GOARCH"] == "" {
		return "", errors.New("the executable does not say for which platform it is")
	}
	return settings["GOOS"] + "_" + settings["GOARCH"], nil
}

// extract returns the host in an archive.
func extract(archive string) (name string, data []byte, err error) {
	f, err := os.Open(archive)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	if strings.HasSuffix(archive, ".zip") {
		return fromZip(f)
	}
	return fromTar(f)
}

func isHost(name string) bool {
	base := path.Base(name)
	return base == "bulkhead" || base == "bulkhead.exe"
}

var errNoHost = errors.New("the archive holds no bulkhead")

func fromTar(f *os.File) (string, []byte, error) {
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return "", nil, err
	}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return "", nil, errNoHost
		}
		if err != nil {
			return "", nil, err
		}
		if h.Typeflag == tar.TypeReg && h.Mode&0o100 != 0 && isHost(h.Name) {
			data, err := io.ReadAll(io.LimitReader(r, maxHost))
			return path.Base(h.Name), data, err
		}
	}
}

func fromZip(f *os.File) (string, []byte, error) {
	info, err := f.Stat()
	if err != nil {
		return "", nil, err
	}
	r, err := zip.NewReader(f, info.Size())
	if err != nil {
		return "", nil, err
	}
	for _, entry := range r.File {
		if !isHost(entry.Name) || entry.Mode()&0o100 == 0 {
			continue
		}
		content, err := entry.Open()
		if err != nil {
			return "", nil, err
		}
		defer content.Close()
		data, err := io.ReadAll(io.LimitReader(content, maxHost))
		return path.Base(entry.Name), data, err
	}
	return "", nil, errNoHost
}
