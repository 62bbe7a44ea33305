# SPDX-License-Identifier: Apache-2.0
# Imports one module and multiplies two matrices with it. Says what happened as
# JSON objects on descriptor 3, one after each step: standard output belongs to the
# module.
import errno
import importlib
import json
import os
import sys
import time

OUT, MODULE, PROJECT = 3, sys.argv[1], sys.argv[2]


def words(error):
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:  # an exception that cannot say what it is
        text = ""
    return ("%s: %s" % (name, text) if text else name)[:2000]


def chain(error):
    """The exceptions that led to this one, the first at the end."""
    seen = []
    while error is not None and len(seen) < 100 and not any(error is e for e in seen):
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def refused(errors):
    """Whether one of them is what the walls of a sandbox answer."""
    return any(isinstance(e, OSError) and e.errno in (errno.EPERM, errno.EROFS) for e in errors)


def attribute(module, name):
    try:
        return str(getattr(module, name, "") or "")
    except BaseException:  # modules may compute their attributes
        return ""


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
        errors = chain(error)
        result["error"], result["refused"] = words(error), refused(errors)
        if len(errors) > 1:
            result["cause"] = words(errors[-1])
        return None
    finally:
        result["seconds"] = time.monotonic() - start
    result["ok"] = True
    result["multiplies"] = MODULE in PRODUCTS
    result["version"] = attribute(module, "__version__")[:100]
    result["path"] = attribute(module, "__file__")[:4000]
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
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0:1] = [PROJECT] if PROJECT else []
    result = {"ok": False, "seconds": 0}
    module = load(result)
    say({"import": result})
    if module is not None and MODULE in PRODUCTS:
        result = {"ok": False, "gpu": False, "seconds": 0}
        multiply(module, result)
        say({"tensor": result})


main()
os._exit(0)  # threads and exit handlers of the module have no say
