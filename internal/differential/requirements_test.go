// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import "testing"

// pipConflict is a line of pip check about a version, pipAbsent about a package
// that is not there.
const (
	pipConflict = `(?m)^(\S+) (\S+) has requirement ([\w.-]+)\S*, but you have (\S+) (\S+?)\.$`
	pipAbsent   = `(?m)^(\S+) (\S+) requires ([^,\s]+), which is not installed\.$`
)

// TestRequirements: releases that do not belong together, as pip sees them and
// as the import does.
func TestRequirements(t *testing.T) {
	requires := func(name string, lines ...string) wheel { return wheel{name: name, version: "1.0", requires: lines} }
	play(t,
		scenario{
			name: "64 older release than required", stage: func(s *stage) { s.install(wheel{name: "dep", version: "2.1"}, requires("thing", "dep>=2,<3")) },
			breaks: func(s *stage) { s.install(wheel{name: "dep", version: "1.9"}) }, witness: (*stage).pipCheck,
			says: pipConflict, code: "python.dependency-conflict",
		},
		scenario{
			name: "64 requirement not installed", stage: func(s *stage) {
				s.install(wheel{name: "dep", version: "2.1"}, requires("thing", "dep; python_version>='3'", "absent; sys_platform=='win32'", "more; extra=='all'"))
			},
			breaks: func(s *stage) { s.uninstall("dep") }, witness: (*stage).pipCheck,
			says: pipAbsent, code: "python.dependency-conflict",
		},
		scenario{
			name: "64 pre-release and local version", stage: func(s *stage) { s.install(wheel{name: "dep", version: "2.1+cu124"}, requires("thing", "dep==2.1")) },
			breaks: func(s *stage) { s.install(wheel{name: "dep", version: "2.1rc1"}) }, witness: (*stage).pipCheck,
			says: pipConflict, code: "python.dependency-conflict",
		},
		scenario{
			name: "48 CUDA library of another release than pinned", stage: stageTorch, module: "torch",
			breaks: func(s *stage) {
				s.install(nvidia("nvidia-cudnn-cu12", "9.5.1.17", "cudnn", "libcudnn.so.9", s.compile("libcudnn.so.9", cudnn)))
			},
			witness: (*stage).pipCheck, says: pipConflict, code: "torch.nvidia-pins",
		},
		scenario{
			name: "43 torchvision for another torch", stage: stageVision, module: "torchvision",
			breaks:  func(s *stage) { s.install(torch{version: "2.6.0", cuda: "12.4"}.wheel(s)) },
			witness: (*stage).pipCheck, says: pipConflict, code: "torch.companion-mismatch",
		},
		scenario{
			name: "59 jaxlib of another release than jax", stage: func(s *stage) {
				s.install(wheel{name: "jax-addon", version: "0.4.35", requires: []string{"jaxlib<=0.4.35,>=0.4.34"}}, wheel{name: "jaxlib", version: "0.4.35"})
			},
			breaks: func(s *stage) { s.install(wheel{name: "jaxlib", version: "0.4.30"}) }, witness: (*stage).pipCheck,
			says: pipConflict, code: "python.dependency-conflict",
		},
		scenario{
			name: "package for a later Python", stage: func(s *stage) { s.install(wheel{name: "thing", version: "1.0", python: ">=3.8"}) },
			breaks:  func(s *stage) { s.install(wheel{name: "thing", version: "1.1", python: ">=3.99"}) },
			witness: requiresPython, says: `Package '(thing)' requires a different Python: (\S+) not in '>=(3\.99)'`, code: "python.requires-python",
		},
		scenario{
			name: "61 pandas built for NumPy 1", module: "pandas", stage: func(s *stage) {
				s.fromPyPI("numpy==2.0.2", "pandas==2.2.3", "python-dateutil==2.9.0.post0", "pytz==2024.2", "six==1.16.0", "tzdata==2024.2")
			},
			breaks: func(s *stage) { s.fromPyPI("pandas==2.0.3") },
			says:   `(?s)site-packages/(pandas)/.*numpy\.dtype size changed`, probe: `numpy\.dtype size changed`, code: "numpy.abi",
		},
	)
}

// requiresPython lets pip say whether it would install what is there.
func requiresPython(s *stage) said {
	return s.witness(basePython(s.t), "-m", "pip", "--disable-pip-version-check", "--python", s.prefix, "install", "--dry-run", "--no-index", "--no-deps",
		"--ignore-installed", "--find-links", s.dir+"/build", "thing==1.1")
}

func stageVision(s *stage) {
	s.install(torch{version: "2.5.1", cuda: "12.4"}.wheel(s), wheel{
		name: "torchvision", version: "0.20.1", requires: []string{"torch==2.5.1"}, files: map[string]string{"torchvision/__init__.py": "import torch\n"},
	})
}

// TestGeneratedCode: code of protoc, which the installed protobuf refuses.
func TestGeneratedCode(t *testing.T) {
	using := func(runtime, code string) func(*stage) {
		return func(s *stage) {
			s.fromPyPI(runtime)
			s.install(wheel{name: "thing", version: "1.0", requires: []string{"protobuf"}, files: map[string]string{
				"thing/__init__.py": "from thing import a_pb2\n", "thing/a_pb2.py": code,
			}})
		}
	}
	play(t,
		scenario{
			name: "63 code of protoc 3.18 with protobuf 4", module: "thing", unprobed: true, stage: using("protobuf==3.20.3", descriptorCode),
			breaks: func(s *stage) { s.fromPyPI("protobuf==4.25.8") },
			says:   `File "\S*/(a_pb2\.py)"(?:.|\n)*Descriptors cannot be created directly`, code: "protobuf.generated-code",
		},
		scenario{
			name: "63 code of protoc 29 with protobuf 5.28", module: "thing", unprobed: true, stage: using("protobuf==5.29.5", versionedCode),
			breaks: func(s *stage) { s.fromPyPI("protobuf==5.28.3") },
			says:   `incompatible Protobuf Gencode/Runtime versions when loading (\S+)\.proto: gencode (\S+) runtime (\S+?)\. `, code: "protobuf.generated-code",
		},
	)
}

const descriptorCode = `# -*- coding: utf-8 -*-
# Generated by the protocol buffer compiler.  DO NOT EDIT!
# source: a.proto
from google.protobuf import descriptor as _descriptor
DESCRIPTOR = _descriptor.FileDescriptor(
  name='a.proto', package='', syntax='proto3', serialized_options=None,
  serialized_pb=b'\n\x07\x61.proto\"\x0e\n\x01\x41\x12\t\n\x01\x61\x18\x01 \x01(\x05\x62\x06proto3')
_A = _descriptor.Descriptor(
  name='A', full_name='A', filename=None, file=DESCRIPTOR, containing_type=None,
  fields=[
    _descriptor.FieldDescriptor(
      name='a', full_name='A.a', index=0, number=1, type=5, cpp_type=1, label=1, has_default_value=False, default_value=0,
      message_type=None, enum_type=None, containing_type=None, is_extension=False, extension_scope=None,
      serialized_options=None, file=DESCRIPTOR),
  ],
  extensions=[], nested_types=[], enum_types=[], serialized_options=None, is_extendable=False, syntax='proto3',
  extension_ranges=[], oneofs=[])
`

const versionedCode = `# -*- coding: utf-8 -*-
# Generated by the protocol buffer compiler.  DO NOT EDIT!
from google.protobuf import runtime_version as _runtime_version
_runtime_version.ValidateProtobufRuntimeVersion(
    _runtime_version.Domain.PUBLIC,
    5,
    29,
    0,
    '',
    'a.proto'
)
`
