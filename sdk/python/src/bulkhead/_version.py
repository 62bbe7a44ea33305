# SPDX-License-Identifier: Apache-2.0
"""The version of the SDK, which is that of the host it is released with."""

VERSION = "0.1.0"
