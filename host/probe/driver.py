# SPDX-License-Identifier: Apache-2.0
# Makes the first calls of NVML and of CUDA's driver library, with nothing but
# the standard library, and says what they answered on descriptor 3.
import ctypes
import json
import os


def nvml():
    result = {"ok": False, "devices": 0}
    try:
        lib = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as error:
        result["error"] = str(error)[:500]
        return result
    status = lib.nvmlInit_v2()
    if status != 0:
        lib.nvmlErrorString.restype = ctypes.c_char_p
        result["error"] = "nvmlInit_v2: %d (%s)" % (status, (lib.nvmlErrorString(status) or b"").decode("utf-8", "replace"))
        return result
    version, count = ctypes.create_string_buffer(96), ctypes.c_uint()
    lib.nvmlSystemGetDriverVersion(version, 96)
    lib.nvmlDeviceGetCount_v2(ctypes.byref(count))
    lib.nvmlShutdown()
    result.update(ok=True, version=version.value.decode("utf-8", "replace"), devices=count.value)
    return result


def cuda():
    result = {"ok": False, "devices": 0}
    try:
        lib = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        result["error"] = str(error)[:500]
        return result
    version, count = ctypes.c_int(), ctypes.c_int()
    if lib.cuDriverGetVersion(ctypes.byref(version)) == 0:
        result["version"] = "%d.%d" % (version.value // 1000, version.value % 1000 // 10)
    status = lib.cuInit(0)
    if status != 0:
        name = ctypes.c_char_p()
        lib.cuGetErrorString(status, ctypes.byref(name))
        result["error"] = "cuInit: %d (%s)" % (status, (name.value or b"").decode("utf-8", "replace"))
        return result
    lib.cuDeviceGetCount(ctypes.byref(count))
    result.update(ok=True, devices=count.value)
    return result


os.write(3, json.dumps({"nvml": nvml(), "cuda": cuda()}).encode())
os._exit(0)
