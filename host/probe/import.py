# SPDX-License-Identifier: Apache-2.0
# Imports one module and multiplies two matrices with it. Says what happened as
# one JSON object on descriptor 3: standard output belongs to the module.
import importlib
import json
import os
import sys
import time

OUT, MODULE, PROJECT = 3, sys.argv[1], sys.argv[2]


def words(error):
    text = "%s: %s" % (type(error).__name__, error) if str(error) else type(error).__name__
    return text[:2000]


def first(error):
    """The exception at the start of the chain that ended in this one."""
    seen = set()
    while id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error
    return error


def torch_product(torch):
    gpu, why, device = torch.cuda.is_available(), "", "cpu"
    if gpu:
        device = "cuda:0"
    elif torch.version.cuda:
        try:
            torch.cuda.init()
        except Exception as error:
            why = words(error)
    a = torch.arange(4.0, device=device).reshape(2, 2)
    return (a @ a).tolist(), str(a.device), gpu, why


def tensorflow_product(tf):
    gpus = tf.config.list_physical_devices("GPU")
    a = tf.reshape(tf.range(4.0), (2, 2))
    c = tf.linalg.matmul(a, a)
    return c.numpy().tolist(), c.device.rsplit("/", 1)[-1], bool(gpus), ""


def jax_product(jax):
    a = jax.numpy.arange(4.0).reshape(2, 2)
    c = a @ a
    device = next(iter(c.devices()))
    return c.tolist(), str(device), device.platform not in ("cpu",), ""


def numpy_product(numpy):
    a = numpy.arange(4.0).reshape(2, 2)
    return (a @ a).tolist(), "cpu", False, ""


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def message(field, *parts):
    body = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def matmul_model():
    """An ONNX model, in protocol buffers: c = a a, of 2 x 2 floats."""
    two = message(1, number(1, 2))
    floats = message(2, message(1, number(1, 1), message(2, two, two)))
    node = message(1, message(1, "a"), message(1, "a"), message(2, "c"), message(4, "MatMul"))
    graph = message(7, node, message(2, "g"), message(11, message(1, "a"), floats), message(12, message(1, "c"), floats))
    return number(1, 8) + message(8, number(2, 13)) + graph


def onnxruntime_product(ort):
    import numpy

    providers = ort.get_available_providers()
    session = ort.InferenceSession(matmul_model(), providers=providers)
    a = numpy.arange(4, dtype=numpy.float32).reshape(2, 2)
    used = session.get_providers()
    return session.run(None, {"a": a})[0].tolist(), used[0], "CUDAExecutionProvider" in used, ""


PRODUCTS = {
    "torch": torch_product,
    "tensorflow": tensorflow_product,
    "jax": jax_product,
    "numpy": numpy_product,
    "onnxruntime": onnxruntime_product,
}


def load(result):
    start = time.monotonic()
    try:
        module = importlib.import_module(MODULE)
    except BaseException as error:
        result["error"] = words(error)
        if first(error) is not error:
            result["cause"] = words(first(error))
        return None
    finally:
        result["seconds"] = time.monotonic() - start
    result["ok"] = True
    result["version"] = str(getattr(module, "__version__", ""))[:100]
    result["path"] = str(getattr(module, "__file__", "") or "")[:4000]
    return module


def multiply(module, result):
    start = time.monotonic()
    try:
        product, result["device"], result["gpu"], why = PRODUCTS[MODULE](module)
        if why:
            result["gpu_error"] = why
        result["ok"] = product == [[2.0, 3.0], [6.0, 11.0]]
        if not result["ok"]:
            result["error"] = "wrong product: %s" % (product,)
    except BaseException as error:
        result["error"] = words(error)
    result["seconds"] = time.monotonic() - start


def say(answer):
    data = json.dumps(answer).encode()
    while data:
        data = data[os.write(OUT, data):]


def main():
    # What Python puts first for `python -c` is the working directory, which is
    # the project for the person who starts a program there.
    sys.path[0:1] = [PROJECT] if PROJECT else []
    answer = {"import": {"ok": False, "seconds": 0}}
    module = load(answer["import"])
    if module is not None and MODULE in PRODUCTS:
        answer["tensor"] = {"ok": False, "gpu": False, "seconds": 0}
        multiply(module, answer["tensor"])
    say(answer)


main()
os._exit(0)  # threads and exit handlers of the module have no say
