# SPDX-License-Identifier: Apache-2.0
# Multiplies two matrices with one framework, again and again, and says how many
# operations a second it did, as JSON on descriptor 3.
import json
import os
import sys
import time

MODULE, DEVICE, ROUNDS, BUDGET = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
LEAST = 4  # the first one is the warm-up of the benchmark


def numpy_product():
    import numpy

    n = 1024
    a = numpy.ones((n, n), dtype=numpy.float32)
    return n, lambda: a @ a, lambda c: float(c[0, 0])


def torch_product():
    import torch

    gpu = DEVICE == "gpu"
    if gpu and not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU")
    n = 8192 if gpu else 1024
    a = torch.ones((n, n), dtype=torch.bfloat16 if gpu else torch.float32, device="cuda:0" if gpu else "cpu")

    def product():
        c = a @ a
        if gpu:
            torch.cuda.synchronize()
        return c

    return n, product, lambda c: float(c[0, 0])


def main():
    n, product, corner = {"numpy": numpy_product, "torch": torch_product}[MODULE]()
    samples, begin = [], time.perf_counter()
    for i in range(ROUNDS + 1):
        if len(samples) >= LEAST and time.perf_counter() - begin > BUDGET:
            break
        start = time.perf_counter()
        c = product()
        took = time.perf_counter() - start
        if abs(corner(c) - n) > n / 100:
            raise SystemExit("a wrong product")
        if i > 0:
            samples.append(2.0 * n**3 / took)
    os.write(3, json.dumps(samples).encode())


try:
    main()
except SystemExit as error:
    print(error, file=sys.stderr)
    os._exit(1)
except BaseException as error:
    print("%s: %s" % (type(error).__name__, error), file=sys.stderr)
    os._exit(1)
os._exit(0)
