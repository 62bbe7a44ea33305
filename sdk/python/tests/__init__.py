# SPDX-License-Identifier: Apache-2.0
"""Tests of the SDK that need no host: python -m unittest discover -s tests -t ."""
