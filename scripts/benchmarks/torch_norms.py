#!/usr/bin/env python3
"""The PyTorch side of scripts/bench: one row of norms.txt a line in, one line of JSON out.

  scripts/bench --python PATH          starts it and takes turns with it

A request is "label shape axis", as in norms.txt; four sizes with the channels last are a tensor in
memory format channels_last. An answer has medians in microseconds, for eager and compiled each:
forward without gradients, and forward with backward. A compiled function is specialised on sizes,
which suits it best, and kept for later rounds.
"""
import argparse
import json
import statistics
import sys
import time
import warnings

import torch
import torch.nn.functional as F
from torch.nn import Parameter

warnings.filterwarnings("ignore")


def rms(x, gain):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * gain


def scale(x, gain):
    return gain * x / x.norm(dim=-1, keepdim=True).clamp(min=1e-5)


def dyt(x, slope, gain, shift):
    return torch.tanh(slope * x) * gain + shift


def evonorm_s0(x, slope, gain, shift):
    grouped = x.view(x.shape[0], 32, -1)
    deviation = grouped.var(-1, unbiased=False, keepdim=True).add(1e-5).sqrt()
    deviation = deviation.expand_as(grouped).reshape(x.shape)
    return x * torch.sigmoid(slope * x) / deviation * gain + shift


def filter_response(x, gain, shift, threshold):
    y = x * torch.rsqrt((x * x).mean((2, 3), keepdim=True) + 1e-6) * gain + shift
    return torch.maximum(y, threshold)


def learned(*shape):
    return Parameter(torch.ones(*shape))


def norm_of(label, channels):
    """A function of x alone; its parameters and running buffers are made here."""
    gain, shift = learned(channels), learned(channels)
    mean, variance = torch.zeros(channels), torch.ones(channels)
    image = [learned(1, channels, 1, 1) for _ in range(3)]
    one = learned(1)
    return {
        "layer": lambda x: F.layer_norm(x, (channels,), gain, shift),
        "rms": lambda x: F.rms_norm(x, (channels,), gain, 1e-6),
        "batch": lambda x: F.batch_norm(x, mean, variance, gain, shift, True),
        "batch-infer": lambda x: F.batch_norm(x, mean, variance, gain, shift, False),
        "group": lambda x: F.group_norm(x, 32, gain, shift),
        "instance": lambda x: F.instance_norm(x, weight=gain, bias=shift),
        "py-rms": lambda x: rms(x, gain),
        "py-scale": lambda x: scale(x, one),
        "py-dyt": lambda x: dyt(x, one, gain, shift),
        "py-evos0": lambda x: evonorm_s0(x, *image),
        "py-frn": lambda x: filter_response(x, *image),
    }[label]


class Row:
    """One norm on one shape, eager and compiled."""

    def __init__(self, label, shape, axis, compiles):
        sizes = [int(size) for size in shape.split("x")]
        self.format = torch.contiguous_format
        if len(sizes) == 4 and axis == "-1":
            sizes = [sizes[0], sizes[3], sizes[1], sizes[2]]
            self.format = torch.channels_last
        self.sizes = sizes
        function = norm_of(label, sizes[-1] if len(sizes) == 2 else sizes[1])
        self.functions = {"eager": function}
        if compiles:
            self.functions["compiled"] = torch.compile(function, dynamic=False)

    def measure(self, seconds):
        def tensor():
            return torch.randn(self.sizes).contiguous(memory_format=self.format)

        x, gradient = tensor(), tensor()
        source = tensor().requires_grad_(True)
        works = {}

        def both(function):
            source.grad = None
            function(source).backward(gradient)

        def add(name, function):
            works[f"{name}_forward_us"] = lambda: function(x)
            works[f"{name}_forward_backward_us"] = lambda: both(function)

        for name, function in self.functions.items():
            add(name, function)
        answer = {}
        for name, work in works.items():
            try:
                with torch.set_grad_enabled(name.endswith("backward_us")):
                    answer[name] = round(median(work, seconds), 3)
            except Exception as error:  # a formula that one cannot compile leaves its columns out
                print(f"norma: PyTorch: {name}: {str(error)[:200]}", file=sys.stderr)
        return answer


def median(work, seconds):
    for _ in range(3):
        work()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 7 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--seconds", type=float, default=0.5, help="for each measured column")
    options.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    # Every row is a specialisation of a handful of functions: none may be thrown out for another.
    torch._dynamo.config.cache_size_limit = 10000
    print(json.dumps({"torch": torch.__version__}), flush=True)
    rows = {}
    for line in sys.stdin:
        request = tuple(line.split())
        if request not in rows:
            rows[request] = Row(*request, compiles=not options.no_compile)
        print(json.dumps(rows[request].measure(options.seconds)), flush=True)


if __name__ == "__main__":
    main()
