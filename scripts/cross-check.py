#!/usr/bin/env python3
"""Holds `norma apply` against PyTorch: every built-in, ranks 1 to 5, every executor.

  scripts/cross-check.py [--norma PATH] [--verbose]

Needs Python with numpy and torch (CPU), and a built norma (default: .build/release/norma beside this
folder). Outputs, gradients and running buffers are compared with PyTorch in float32 and in float64;
hard inputs (mean 1e6, constants, values x 1e18) with a float64 formula, where PyTorch's float32 is
wrong itself. An error is the largest difference divided by the largest value of the reference. Ends
with status 2 when a limit is exceeded.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

SHAPES = [(7,), (7, 5), (6, 4), (3, 5, 8), (4, 7, 6), (3, 4, 5, 8), (5, 12, 3, 7), (3, 2, 4, 5, 8)]
SHAPES += [(2, 6, 3, 4, 5)]
LIMIT, HARD_LIMIT, ZERO_LIMIT = 5e-7, 1e-6, 1e-6
EPSILON = {"rms": 1e-6}


def channel_second(x, axis):
    """The array as (batch, channel, space) and the function that undoes it."""
    rank = x.ndim
    channels = sorted(a % rank for a in axis)
    batch = [] if 0 in channels else [0]
    space = [a for a in range(rank) if a not in channels + batch]
    order = batch + channels + space
    moved = x.permute(order)
    sizes = [moved.shape[: len(batch)], moved.shape[len(batch) : len(batch) + len(channels)], moved.shape[len(batch) + len(channels) :]]
    flat = moved.reshape([int(np.prod(s)) for s in sizes])
    inverse = [order.index(a) for a in range(rank)]
    return flat, lambda y: y.reshape(moved.shape).permute(inverse)


def torch_norm(name, x, axis, state, train, groups):
    """y of PyTorch's own function, in the type of x."""
    flat, back = channel_second(x, axis)
    gamma, beta = state["gamma"], state.get("beta")
    eps = EPSILON.get(name, 1e-5)
    if name == "batch":
        y = F.batch_norm(flat, state["mean"], state["variance"], gamma, beta, train, 0.1, eps)
    elif flat.shape[2] == 1 and (name == "instance" or name == "group" and flat.shape[1] == groups):
        # PyTorch refuses statistics over one value; Norma decides that the deviation is 0.
        y = (flat * 0) * gamma[None, :, None] + beta[None, :, None]
    elif name == "group":
        y = F.group_norm(flat, groups, gamma, beta, eps)
    elif name == "instance":
        y = F.instance_norm(flat, weight=gamma, bias=beta, eps=eps)
    else:
        last = flat.movedim(1, 2)
        size = [last.shape[2]]
        y = F.layer_norm(last, size, gamma, beta, eps) if name == "layer" else F.rms_norm(last, size, gamma, eps)
        y = y.movedim(2, 1)
    return back(y)


def by_torch(name, arrays, axis, train, groups, dtype):
    """Everything `norma apply` writes, by PyTorch in `dtype`."""
    t = {k: torch.tensor(v).to(dtype) for k, v in arrays.items()}
    for key in ("x", "gamma", "beta"):
        if key in t:
            t[key].requires_grad_(True)
    y = torch_norm(name, t["x"], axis, t, train, groups)
    y.backward(t["dy"])
    result = {"y": y.detach(), "grad_input": t["x"].grad, "grad_gamma": t["gamma"].grad}
    if "beta" in t:
        result["grad_beta"] = t["beta"].grad
    if name == "batch" and train:
        result |= {"buffer_mean": t["mean"], "buffer_variance": t["variance"]}
    return {k: v.numpy().astype(np.float64) for k, v in result.items()}


def by_formula(name, x, dy, axis, groups):
    """y and the input gradient in float64 (long double where the machine has it), from the definition."""
    flat, back = channel_second(torch.tensor(np.arange(x.size).reshape(x.shape)), axis)
    index = flat.numpy()
    wide = np.longdouble
    v, g = x.reshape(-1)[index].astype(wide), dy.reshape(-1)[index].astype(wide)
    shape = v.shape
    over = {"batch": (0, 2), "instance": (2,), "group": (2, 3), "layer": (1,), "rms": (1,)}[name]
    if name == "group":
        v, g = (a.reshape(shape[0], groups, shape[1] // groups, shape[2]) for a in (v, g))
    eps = wide(EPSILON.get(name, 1e-5))
    centred = v if name == "rms" else v - v.mean(over, keepdims=True)
    r = 1 / np.sqrt((centred**2).mean(over, keepdims=True) + eps)
    y = centred * r
    dx = r * (g - y * (g * y).mean(over, keepdims=True) - (0 if name == "rms" else g.mean(over, keepdims=True)))
    results = []
    for value in (y, dx):
        out = np.empty(x.size)
        out[index.reshape(-1)] = value.reshape(-1)
        results.append(out.reshape(x.shape))
    return dict(zip(("y", "grad_input"), results))


class Norma:
    """The binary, run in a folder of its own."""

    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def apply(self, name, arrays, axis, train, groups, *options):
        command = [self.path, "apply", name, "--axis", ",".join(map(str, axis)), "--mode", "train" if train else "infer"]
        for key, value in arrays.items():
            np.save(self.folder / f"{key}.npy", value)
            option = {"x": ["--input"], "dy": ["--grad"]}.get(key)
            if option is None:
                option = ["--buffer" if key in ("mean", "variance") else "--param"]
                command += option + [f"{key}={self.folder}/{key}.npy"]
            else:
                command += option + [f"{self.folder}/{key}.npy"]
        if name == "group":
            command += ["--hyper", f"groups={groups}"]
        out = self.folder / "out"
        for old in out.glob("*.npy"):
            old.unlink()
        done = subprocess.run(command + ["--quiet", "--out", str(out), *options], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        return {p.stem: np.load(p) for p in sorted(out.glob("*.npy"))}


def error(found, expected):
    """The largest difference by the reference's scale; absolute where that is 0."""
    if not np.isfinite(found).all() or found.shape != expected.shape:
        return np.inf, 0.0
    scale = np.abs(expected).max(initial=0)
    difference = np.abs(found.astype(np.float64) - expected).max(initial=0)
    return (difference / scale, scale) if scale > 0 else (difference, 0.0)


class Tally:
    """The worst error of each kind of comparison."""

    def __init__(self, verbose):
        self.worst, self.count, self.failed, self.verbose = {}, 0, 0, verbose

    def add(self, kind, case, found, expected, limit):
        missing = set(expected) - set(found)
        if missing:
            raise SystemExit(f"{case}: not written: {', '.join(sorted(missing))}")
        for name, value in expected.items():
            e, scale = error(found[name], value)
            self.count += 1
            bound = limit if scale > 0 else ZERO_LIMIT
            if e > bound:
                self.failed += 1
                print(f"FAILED {kind} {case} {name}: {e:.2e} > {bound:.0e}")
            elif self.verbose:
                print(f"{kind} {case} {name}: {e:.2e}")
            key = (kind, name)
            if e > self.worst.get(key, (-1, ""))[0]:
                self.worst[key] = (e, case)

    def report(self):
        print(f"{self.count} comparisons, {self.failed} failed; the worst of each kind:")
        for (kind, name), (e, case) in sorted(self.worst.items()):
            print(f"  {kind:28} {name:16} {e:.1e}   {case}")


def axes_for(shape):
    rank = len(shape)
    choices = [(-1,)]
    if rank >= 3:
        choices.append((1,))
    if rank >= 4:
        choices.append(tuple(range(1, rank)))
    return choices


def make_arrays(rng, name, shape, axis, dtype):
    size = tuple(shape[a] for a in sorted(a % len(shape) for a in axis))
    count = int(np.prod(size))
    arrays = {
        "x": rng.normal(0.3, 1.7, shape).astype(dtype),
        "dy": rng.normal(0, 1, shape).astype(dtype),
        "gamma": rng.uniform(0.5, 1.5, count).astype(dtype),
        "beta": rng.normal(0, 0.5, count).astype(dtype),
    }
    if name == "rms":
        del arrays["beta"]
    if name == "batch":
        arrays["mean"] = rng.normal(0, 1, count).astype(dtype)
        arrays["variance"] = rng.uniform(0.5, 2, count).astype(dtype)
    return arrays, size


def ordinary(norma, tally, rng):
    for name in ("batch", "group", "instance", "layer", "rms"):
        for shape in SHAPES:
            for axis in axes_for(shape):
                arrays, size = make_arrays(rng, name, shape, axis, np.float32)
                count = int(np.prod(size))
                groups = next(g for g in (4, 3, 2, 5, 7, 1) if count % g == 0)
                values = np.prod(shape) // count
                for train in (False, True):
                    if train and name == "batch" and values == 1:
                        continue
                    case = f"{name} {shape} axis={axis} {'train' if train else 'infer'}"
                    exact = by_torch(name, arrays, axis, train, groups, torch.float64)
                    single = by_torch(name, arrays, axis, train, groups, torch.float32)
                    first = None
                    for threads in ("1", "2", "3"):
                        found = norma.apply(name, arrays, axis, train, groups, "--threads", threads)
                        flat = {k: v if k in ("y", "grad_input") else v.reshape(-1) for k, v in found.items()}
                        if first is not None and any(found[k].tobytes() != first[k].tobytes() for k in found):
                            tally.failed += 1
                            print(f"FAILED {case}: other bits with {threads} threads")
                        first = first or found
                        for key, value in found.items():
                            if key not in ("y", "grad_input") and value.shape != size:
                                raise SystemExit(f"{case}: {key} has shape {value.shape}, expected {size}")
                    tally.add("tiles, torch float64", case, flat, exact, LIMIT)
                    # Where few values share a statistic, PyTorch's float32 is off itself.
                    own = max(error(single[k], exact[k])[0] for k in exact)
                    tally.add("tiles, torch float32", case, flat, single, LIMIT + own)
                    shaped = {k: v.reshape(size) if k in ("gamma", "beta", "mean", "variance") else v for k, v in arrays.items()}
                    found = norma.apply(name, shaped, axis, train, groups, "--executor", "reference")
                    flat = {k: v if k in ("y", "grad_input") else v.reshape(-1) for k, v in found.items()}
                    tally.add("reference, torch float64", case, flat, exact, LIMIT)


def hard(norma, tally, rng):
    normal = lambda *shape: rng.normal(0, 1, shape)
    outlier = normal(5, 96)
    outlier[1, 7] = 1e10
    inputs = {
        "mean 1e6": 1e6 + normal(6, 7, 32),
        "constant 12345.678": np.full((6, 7, 32), 12345.678),
        "values x 1e18": 1e18 * normal(6, 7, 32),
        "values x 1e-18": 1e-18 * normal(6, 7, 32),
        "outlier 1e10": outlier,
        "rows of 65536, mean 1e4": 1e4 + normal(3, 65536),
        "one row": normal(1, 64),
    }
    for label, x in inputs.items():
        x = x.astype(np.float32)
        dy = rng.normal(0, 1, x.shape).astype(np.float32)
        for name in ("batch", "group", "instance", "layer", "rms"):
            for axis in axes_for(x.shape):
                count = int(np.prod([x.shape[a] for a in axis]))
                if name == "batch" and x.size // count == 1:
                    continue
                groups = next(g for g in (4, 7, 1) if count % g == 0)
                expected = by_formula(name, x, dy, axis, groups)
                found = norma.apply(name, {"x": x, "dy": dy}, axis, True, groups)
                tally.add(f"hard: {label}", f"{name} axis={axis}", found, expected, HARD_LIMIT)


def empty(norma, tally):
    for shape, axis in (((0, 5), (-1,)), ((0, 4, 6), (1,)), ((3, 0, 4), (-1,)), ((0,), (-1,)), ((4, 0), (-1,))):
        for name in ("batch", "group", "instance", "layer", "rms"):
            for train in (False, True):
                for executor in ("tiles", "reference"):
                    x = np.zeros(shape, np.float32)
                    found = norma.apply(name, {"x": x, "dy": x}, axis, train, 1, "--executor", executor)
                    case = f"{name} {shape} {executor}"
                    if found["y"].shape != shape or found["grad_input"].shape != shape:
                        raise SystemExit(f"{case}: wrong shapes")
                    zeros = {k: np.zeros(v.shape) for k, v in found.items() if k.startswith("grad_")}
                    if name == "batch" and train:
                        zeros["buffer_mean"] = np.zeros(found["buffer_mean"].shape)
                        zeros["buffer_variance"] = np.ones(found["buffer_variance"].shape)
                    tally.add("empty", case, found, zeros, LIMIT)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    built = pathlib.Path(__file__).resolve().parent.parent / ".build/release/norma"
    parser.add_argument("--norma", default=str(built))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tally = Tally(options.verbose)
    rng = np.random.default_rng(20260105)
    with tempfile.TemporaryDirectory() as folder:
        norma = Norma(options.norma, pathlib.Path(folder))
        ordinary(norma, tally, rng)
        hard(norma, tally, rng)
        empty(norma, tally)
    tally.report()
    sys.exit(2 if tally.failed else 0)


if __name__ == "__main__":
    main()
