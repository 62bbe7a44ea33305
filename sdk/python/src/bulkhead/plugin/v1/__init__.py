# SPDX-License-Identifier: Apache-2.0
"""Generated protocol buffers; see sdk/proto in the source of Bulkhead."""
