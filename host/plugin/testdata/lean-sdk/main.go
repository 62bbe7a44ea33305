// SPDX-License-Identifier: Apache-2.0

// The smallest plugin with our SDK: a description and nothing else.
package main

import "github.com/bulkhead-ml/bulkhead/sdk/plugin"

func main() { plugin.Serve(plugin.Info{Name: "lean"}) }
