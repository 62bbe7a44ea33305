// SPDX-License-Identifier: Apache-2.0
//
// Comes before every C file of a release's plugins. NVML's functions are in no
// library that the linker sees: weak ones may stay unresolved.
#if __has_include(<nvml.h>)
#pragma clang attribute push(__attribute__((weak)), apply_to = function)
#include <nvml.h>
#pragma clang attribute pop
#endif
