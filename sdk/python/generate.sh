#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Generates the Python code of the wire from sdk/proto into DIR (default: src).
# What it needs it installs into a virtual environment that it throws away.
#
# The version of the generator is pinned here. protoc writes a check into its output that
# refuses a protobuf library two majors newer than itself. What the output calls
# (AddSerializedFile and the builder) is the same from 4.25 to 7, with which the long test
# runs it; environments for ML are rarely free to choose, so the check is taken out.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/src}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"${PYTHON:-python3}" -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check \
	grpcio-tools==1.71.0 grpcio==1.71.0 protobuf==5.29.4 setuptools==75.8.2
cd "$here/../proto"
"$tools/venv/bin/python" -m grpc_tools.protoc -I. --python_out="$out" --pyi_out="$out" \
	bulkhead/plugin/v1/schema.proto bulkhead/plugin/v1/plugin.proto \
	bulkhead/plugin/v1/doctor.proto bulkhead/plugin/v1/kernel.proto
for file in "$out"/bulkhead/plugin/v1/*_pb2.py; do
	sed -i.before -e '/runtime_version as _runtime_version/d' \
		-e '/^_runtime_version.ValidateProtobufRuntimeVersion(/,/^)/d' "$file"
	sed -i.before -e '1s|.*|# SPDX-License-Identifier: Apache-2.0|' "$file"
	rm "$file.before"
done
