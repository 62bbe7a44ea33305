// SPDX-License-Identifier: Apache-2.0

package dockerfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestStages(t *testing.T) {
	const file = `# syntax=docker/dockerfile:1
ARG CUDA=12.4.1
ARG FLAVOR
FROM --platform=linux/amd64 nvidia/cuda:${CUDA}-devel-ubuntu22.04 AS Build
ENV PIP_INDEX_URL="https://x" A=b
ENV NAME the value
ARG LATER=1
COPY pip.conf /etc/
RUN pip install torch
FROM build
CMD ["python", "train.py"]
FROM nvidia/cuda:${CUDA:-1}-${FLAVOR:-base}
FROM python:$MISSING
`
	stages := Stages([]byte(file))
	if len(stages) != 4 {
		t.Fatalf("%d stages", len(stages))
	}
	first := stages[0]
	if first.Line != 4 || first.Image != "nvidia/cuda:12.4.1-devel-ubuntu22.04" || first.Name != "build" || first.Platform != "linux/amd64" {
		t.Errorf("%+v", first)
	}
	if fmt.Sprint(first.Env) != "map[A:b LATER:1 NAME:the value PIP_INDEX_URL:https://x]" || strings.Join(first.Copied, " ") != "pip.conf /etc/" || len(first.Scripts) != 1 {
		t.Errorf("%+v", first)
	}
	if base, chain := Base(stages, 1); base != first.Image || fmt.Sprint(chain) != "[1 0]" {
		t.Errorf("stage 1 stands on %q by %v", base, chain)
	}
	if !strings.Contains(stages[1].Commands, "train.py") || stages[2].Image != "nvidia/cuda:12.4.1-base" || stages[3].Image != "" {
		t.Errorf("%+v", stages[1:])
	}
}

func TestStagesOfGarbage(t *testing.T) {
	for _, file := range []string{"", "FROM", "FROM --platform", "RUN x\nFROM a AS", "FROM a AS a\nFROM a AS a\nFROM a", "ENV\nARG =\nFROM a\nENV =", "FROM ${", strings.Repeat("FROM a AS a\n", 100_000), strings.Repeat("FROM a\n"+strings.Repeat("CMD x\n", 100), 1000)} {
		stages := Stages([]byte(file))
		if len(stages) > maxStages {
			t.Errorf("%d stages", len(stages))
		}
		for i := range stages {
			if _, chain := Base(stages, i); len(chain) > len(stages) {
				t.Errorf("the chain of stage %d has %d parts", i, len(chain))
			}
		}
	}
}

func FuzzStages(f *testing.F) {
	f.Add([]byte("ARG A=1\nFROM x:${A:-2} AS b\nENV C=d e=f\nFROM b\nCMD c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		stages := Stages(data)
		for i, s := range stages {
			if s.Line < 1 || strings.Contains(s.Image, "$") {
				t.Errorf("%+v", s)
			}
			Base(stages, i)
		}
	})
}
