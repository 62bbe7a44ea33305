# SPDX-License-Identifier: Apache-2.0
# Measures copies on, to and from the first GPU through CUDA's driver library, with
# nothing but the standard library. Bytes a second as JSON on descriptor 3.
import ctypes
import json
import os
import sys
import time

KIND, ROUNDS, BUDGET = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
LEAST = 4  # the first one is the warm-up of the benchmark
SIZE, REPEAT = 256 << 20, 8


def check(call, status):
    if status != 0:
        raise RuntimeError("%s: %d" % (call, status))


def main():
    cuda = ctypes.CDLL("libcuda.so.1")
    check("cuInit", cuda.cuInit(0))
    device, context = ctypes.c_int(), ctypes.c_void_p()
    check("cuDeviceGet", cuda.cuDeviceGet(ctypes.byref(device), 0))
    check("cuDevicePrimaryCtxRetain", cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
    check("cuCtxSetCurrent", cuda.cuCtxSetCurrent(context))
    a, b, host = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_void_p()
    size = ctypes.c_size_t(SIZE)
    check("cuMemAlloc", cuda.cuMemAlloc_v2(ctypes.byref(a), size))
    check("cuMemAlloc", cuda.cuMemAlloc_v2(ctypes.byref(b), size))
    check("cuMemAllocHost", cuda.cuMemAllocHost_v2(ctypes.byref(host), size))
    copies = {
        "copy": lambda: cuda.cuMemcpyDtoDAsync_v2(b, a, size, None),
        "upload": lambda: cuda.cuMemcpyHtoDAsync_v2(a, host, size, None),
        "download": lambda: cuda.cuMemcpyDtoHAsync_v2(host, a, size, None),
    }
    samples, begin = [], time.perf_counter()
    for i in range(ROUNDS + 1):
        if len(samples) >= LEAST and time.perf_counter() - begin > BUDGET:
            break
        start = time.perf_counter()
        for _ in range(REPEAT):
            check(KIND, copies[KIND]())
        check("cuCtxSynchronize", cuda.cuCtxSynchronize())
        if i > 0:
            samples.append(SIZE * REPEAT / (time.perf_counter() - start))
    os.write(3, json.dumps(samples).encode())


try:
    main()
except BaseException as error:
    print("%s: %s" % (type(error).__name__, error), file=sys.stderr)
    os._exit(1)
os._exit(0)
