// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"testing"
)

// TestSchema holds every table and row to its form and to a primary source.
func TestSchema(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil || len(entries) != len(Versions()) {
		t.Fatalf("%d tables, %d versions: %v", len(entries), len(Versions()), err)
	}
	version := regexp.MustCompile(`^\d{4}\.\d{1,2}\.\d+$`)
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var raw struct {
			Version, About string
			Rows           []map[string]any
		}
		if err := json.Unmarshal(data, &raw); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		if !version.MatchString(raw.Version) || raw.About == "" || len(raw.Rows) == 0 {
			t.Errorf("%s lacks its version, what it is about, or rows", e.Name())
		}
		for i, row := range raw.Rows {
			source, _ := row["source"].(string)
			if u, err := url.Parse(source); err != nil || u.Scheme != "https" || u.Host == "" {
				t.Errorf("%s: row %d has the source %q", e.Name(), i, source)
			}
		}
	}
}

func TestRows(t *testing.T) {
	for _, r := range images().Rows {
		if _, err := regexp.Compile(r.Tag); err != nil || r.Repository == "" || !slices.Contains([]string{"cuda", "ngc", ""}, r.Version) ||
			!slices.Contains([]string{"tag", "runtime", "devel", "all"}, r.Libraries) {
			t.Errorf("malformed row %+v: %v", r, err)
		}
	}
	month := regexp.MustCompile(`^\d\d\.\d\d$`)
	last := ""
	for _, r := range releases().Rows {
		if !month.MatchString(r.From) || !month.MatchString(r.To) || r.From > r.To || r.From <= last {
			t.Errorf("malformed row %+v", r)
		}
		last = r.To
	}
	for _, r := range packages().Rows {
		if !slices.Contains([]string{"runtime", "cudnn"}, r.Needs) || r.Missing == "" || r.Name == "" {
			t.Errorf("malformed row %+v", r)
		}
	}
	for _, r := range torches().Rows {
		if _, ok := DriverMinimum(Major(r.CUDA)); !ok {
			t.Errorf("torch %s has CUDA %s, whose driver is not known", r.Torch, r.CUDA)
		}
	}
}

func TestParseImage(t *testing.T) {
	for ref, want := range map[string]Image{
		"nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04":    {Repository: "nvidia/cuda", Tag: "12.4.1-cudnn-devel-ubuntu22.04", GPU: true, CUDA: "12.4", Libraries: "devel", CuDNN: true},
		"docker.io/nvidia/cuda:11.8.0-base-ubuntu22.04": {Repository: "nvidia/cuda", Tag: "11.8.0-base-ubuntu22.04", GPU: true, CUDA: "11.8", Libraries: "none"},
		"nvidia/cuda:12.4.1-runtime-ubi9@sha256:00":     {Repository: "nvidia/cuda", Tag: "12.4.1-runtime-ubi9", GPU: true, CUDA: "12.4", Libraries: "runtime"},
		"pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime": {Repository: "pytorch/pytorch", Tag: "2.8.0-cuda12.8-cudnn9-runtime", GPU: true, CUDA: "12.8", Libraries: "devel", CuDNN: true, Torch: true},
		"nvcr.io/nvidia/pytorch:25.08-py3":              {Repository: "nvcr.io/nvidia/pytorch", Tag: "25.08-py3", GPU: true, CUDA: "13", Libraries: "devel", CuDNN: true, Torch: true},
		"nvcr.io/nvidia/pytorch:25.06-py3":              {Repository: "nvcr.io/nvidia/pytorch", Tag: "25.06-py3", GPU: true, CUDA: "12", Libraries: "devel", CuDNN: true, Torch: true},
		"nvcr.io/nvidia/pytorch:31.01-py3":              {Repository: "nvcr.io/nvidia/pytorch", Tag: "31.01-py3", GPU: true, Libraries: "devel", CuDNN: true, Torch: true},
		"tensorflow/tensorflow:2.19.0":                  {Repository: "tensorflow/tensorflow", Tag: "2.19.0"},
		"tensorflow/tensorflow:2.19.0-gpu":              {Repository: "tensorflow/tensorflow", Tag: "2.19.0-gpu", GPU: true, Libraries: "devel", CuDNN: true},
		"python:3.12-slim":                              {Repository: "python", Tag: "3.12-slim"},
		"localhost:5000/team/app":                       {Repository: "localhost:5000/team/app", Tag: "latest"},
		"nvidia/cuda":                                   {Repository: "nvidia/cuda", Tag: "latest"},
		"pytorch/pytorch:latest":                        {Repository: "pytorch/pytorch", Tag: "latest", GPU: true, Libraries: "devel", CuDNN: true, Torch: true},
		"":                                              {Tag: "latest"},
	} {
		if got := ParseImage(ref); got != want {
			t.Errorf("%s\n got  %+v\n want %+v", ref, got, want)
		}
	}
}

func TestLookups(t *testing.T) {
	for torch, want := range map[string]string{"2.8.0": "12.8", "2.10": "12.8", "2.1": "", "2.11.0": "13.0", "9.9": "", "": ""} {
		if got, ok := TorchCUDA(torch); got != want || ok != (want != "") {
			t.Errorf("torch %s has %q", torch, got)
		}
	}
	if v, ok := DriverMinimum(12); !ok || Compare("535.183.01", v) < 0 || Compare("470.57.02", v) >= 0 {
		t.Errorf("CUDA 12 wants %q", v)
	}
	if _, ok := DriverMinimum(NewestMajor() + 1); ok {
		t.Error("a CUDA of the future has a driver")
	}
	if p, ok := LookupPackage("onnxruntime-gpu"); !ok || p.Needs != "cudnn" {
		t.Errorf("%+v", p)
	}
	if _, ok := LookupPackage("numpy"); ok {
		t.Error("numpy needs CUDA")
	}
	if Major("12.4") != 12 || Major("x") != 0 || Major("") != 0 {
		t.Error("Major is wrong")
	}
}

func FuzzParseImage(f *testing.F) {
	f.Add("nvcr.io/nvidia/pytorch:25.08-py3@sha256:00")
	f.Fuzz(func(_ *testing.T, ref string) { ParseImage(ref) })
}
