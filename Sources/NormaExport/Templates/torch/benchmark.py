"""Forward + backward of the module beside its formula in eager PyTorch and PyTorch's own rms norm.

    python benchmark.py [--shape 4096x1024] [--threads 2]
"""

import argparse
import importlib
import os
import sys
import time

import torch

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(FOLDER))
package = importlib.import_module(os.path.basename(FOLDER))
reference = importlib.import_module(os.path.basename(FOLDER) + ".reference").reference

parser = argparse.ArgumentParser()
made_for = [s for s in package.NORM["shapes"] if package.NORM["axis"] == -1]
parser.add_argument(
    "--shape", default="x".join(map(str, made_for[0])) if made_for else "4096x1024",
    help="the last axis is the channel")
parser.add_argument("--threads", type=int, default=torch.get_num_threads())
options = parser.parse_args()
torch.set_num_threads(options.threads)
try:
    shape = [int(n) for n in options.shape.split("x")]
except ValueError:
    sys.exit(f"--shape must be numbers such as 4096x1024, got '{options.shape}'")
torch.manual_seed(0)
x = torch.randn(shape, requires_grad=True)
dy = torch.randn(shape)
module = package.MODULE(shape[-1], axis=-1)
if not any(s[1:] == shape[1:] for s in made_for):
    print("general code: the package was not made for this shape (norma export --shape)")
if package.NORM["inputs"]:
    sys.exit("the benchmark is for norms without second inputs")
own = torch.nn.RMSNorm(shape[-1], eps=1e-5) if hasattr(torch.nn, "RMSNorm") else None
def named(states, tensors):
    return dict(zip((s["name"] for s in states if module._is_present(s)), tensors))


parameters = named(package.NORM["parameters"], module.parameters())


def eager(x):
    buffers = named(package.NORM["buffers"], (b.clone() for b in module.buffers()))
    return reference(x, [], parameters, buffers, module.settings, True, -1)[0]


runs = {"copy": None, package.NORM["norm"]: module, "its formula, eager": eager}
if own is not None:
    runs["torch.nn.RMSNorm"] = own
target = torch.empty(shape)


def once(run):
    start = time.perf_counter()
    if run is None:
        target.copy_(dy)
    else:
        x.grad = None
        run(x).backward(dy)
    return time.perf_counter() - start


# One after the other, again and again: whatever else the machine does, it does to all.
times = {name: [] for name in runs}
for round_ in range(25):
    for name, run in runs.items():
        found = once(run)
        if round_ >= 3:
            times[name].append(found)
medians = {name: sorted(values)[len(values) // 2] for name, values in times.items()}
first = medians[package.NORM["norm"]]
print(f"forward + backward, {options.shape}, {options.threads} threads, PyTorch {torch.__version__}")
for name, median in medians.items():
    ratio = "" if name in ("copy", package.NORM["norm"]) else f"  {median / first:5.2f} times as long"
    print(f"{name:24} {median * 1e6:10.1f} us  {median / medians['copy']:6.2f} copies{ratio}")
