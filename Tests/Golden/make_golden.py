"""Writes golden.json and golden.bin beside itself: PyTorch's outputs and gradients of the built-in norms.

Needs torch and numpy. Every result is stored twice, both as float32: computed by PyTorch in float32
("torch"), and computed by PyTorch in float64 from the same float32 inputs ("exact").

golden.bin is one array of little-endian float32 in C order; golden.json says where each tensor begins.
PyTorch wants channels second, so other layouts are permuted on the way in and out; several channel axes
are flattened for batch, group and instance norm, and are the normalized shape of layer and RMS norm.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
EPSILON = {"batch": 1e-5, "layer": 1e-5, "group": 1e-5, "instance": 1e-5, "rms": 1e-6}
MOMENTUM = 0.1

LAST = [([7, 6], [-1]), ([7, 5, 6], [-1]), ([5, 7, 3, 6], [-1]), ([3, 2, 5, 7, 6], [-1]),
        ([11, 42], [-1]), ([3, 5, 3, 18], [-1])]
SECOND = [([7, 6, 5], [1]), ([5, 6, 7, 3], [1]), ([3, 6, 2, 5, 7], [1]), ([3, 18, 11], [1])]
SEVERAL = [([5, 2, 7, 3], [1, 3]), ([5, 7, 3, 6], [2, 3])]
WHOLE = [([13], [0]), ([7, 3], [0, 1])]
PRIME = [([5, 3, 7, 11], [-1]), ([5, 11, 7, 3], [1])]
SHAPES = {
    "batch": LAST + SECOND + SEVERAL + PRIME,
    "layer": LAST + SECOND + SEVERAL + PRIME + WHOLE + [([5, 7, 3, 6], [1, 2, 3])],
    "rms": LAST + SECOND + SEVERAL + PRIME + WHOLE + [([5, 7, 3, 6], [1, 2, 3])],
    "group": LAST + SECOND + SEVERAL,
    "instance": LAST + SECOND + SEVERAL + PRIME,
}


class Blob:
    """Tensors one after the other; the same name is stored once."""

    def __init__(self):
        self.parts, self.index, self.count = [], {}, 0

    def add(self, name, array):
        array = np.ascontiguousarray(array, dtype="<f4")
        if name not in self.index:
            self.index[name] = {"offset": self.count, "count": int(array.size)}
            self.parts.append(array.reshape(-1))
            self.count += array.size
        return name


def normalize(norm, x, shape, axes, state, hyper, mode):
    """y and, for batch norm, the buffers after the step; all in x's type and layout."""
    rest = [a for a in range(len(shape)) if a not in axes]
    channels = int(np.prod([shape[a] for a in axes]))
    epsilon = hyper.get("epsilon", EPSILON[norm])
    gamma, beta = state.get("gamma"), state.get("beta")
    after = {}
    if norm in ("layer", "rms"):
        order = rest + axes
        normalized = [shape[a] for a in axes]
        flat = x.permute(order)
        weight = None if gamma is None else gamma.reshape(normalized)
        if norm == "rms":
            out = F.rms_norm(flat, normalized, weight, epsilon)
        else:
            bias = None if beta is None else beta.reshape(normalized)
            out = F.layer_norm(flat, normalized, weight, bias, epsilon)
    else:
        order = rest[:1] + axes + rest[1:]
        flat = x.permute(order).reshape([shape[0], channels] + [shape[a] for a in rest[1:]])
        if norm == "batch":
            mean, variance = state["mean"].clone(), state["variance"].clone()
            out = F.batch_norm(flat, mean, variance, gamma, beta, mode == "train",
                               hyper.get("momentum", MOMENTUM), epsilon)
            after = {"mean": mean, "variance": variance} if mode == "train" else {}
        elif norm == "group":
            out = F.group_norm(flat, hyper["groups"], gamma, beta, epsilon)
        else:
            out = F.instance_norm(flat, None, None, gamma, beta, True, 0, epsilon)
        out = out.reshape([shape[a] for a in order])
    inverse = [order.index(a) for a in range(len(shape))]
    return out.permute(inverse), after


def run(norm, arrays, shape, axes, hyper, mode, kind):
    tensors = {k: torch.tensor(v, dtype=kind) for k, v in arrays.items()}
    dy = tensors.pop("dy")
    learned = [k for k in ("x", "gamma", "beta") if k in tensors]
    for k in learned:
        tensors[k].requires_grad_(True)
    state = {k: v for k, v in tensors.items() if k != "x"}
    y, after = normalize(norm, tensors["x"], shape, axes, state, hyper, mode)
    gradients = torch.autograd.grad(y, [tensors[k] for k in learned], dy)
    out = {"y": y, **{"buffer:" + k: v for k, v in after.items()}}
    out.update({"gradient:" + k: g for k, g in zip(learned, gradients)})
    return {k: v.detach().numpy() for k, v in out.items()}


def main():
    torch.set_num_threads(1)
    random = np.random.RandomState(20261123)
    blob, cases, drawn, worst = Blob(), [], {}, {}

    def draw(name, make):
        if name not in drawn:
            drawn[name] = make().astype(np.float32)
            blob.add(name, drawn[name])
        return drawn[name]

    def record(norm, shape, axis, hyper=None, modes=None, parameters=("gamma", "beta")):
        hyper = dict(hyper or {})
        axes = sorted(a % len(shape) for a in axis)
        if norm == "instance" and len(shape) == 2:
            return  # PyTorch refuses: no space to take statistics over
        channels = int(np.prod([shape[a] for a in axes]))
        text = "x".join(map(str, shape))
        names = {"x": "x:" + text, "dy": "dy:" + text}
        arrays = {
            "x": draw(names["x"], lambda: 0.5 + 1.5 * random.randn(*shape)),
            "dy": draw(names["dy"], lambda: random.randn(*shape)),
        }
        makers = {
            "gamma": lambda: 1 + 0.5 * random.randn(channels),
            "beta": lambda: 0.5 * random.randn(channels),
            "mean": lambda: 0.5 + 0.3 * random.randn(channels),
            "variance": lambda: 0.5 + random.rand(channels),
        }
        wanted = [p for p in parameters if not (norm == "rms" and p == "beta")]
        buffers = ["mean", "variance"] if norm == "batch" else []
        for k in wanted + buffers:
            names[k] = f"{k}:{channels}"
            arrays[k] = draw(names[k], makers[k])
        for mode in modes or (["train", "infer"] if norm == "batch" else ["both"]):
            results = {}
            computed = {
                "torch": run(norm, arrays, shape, axes, hyper, mode, torch.float32),
                "exact": run(norm, arrays, shape, axes, hyper, mode, torch.float64),
            }
            for key in computed["exact"]:
                exact = computed["exact"][key]
                scale = np.abs(exact).max()
                error = np.abs(computed["torch"][key] - exact).max() / (scale or 1)
                worst[norm, key] = max(worst.get((norm, key), 0), float(error))
                results[key] = {
                    kind: blob.add(f"{len(cases)}:{key}:{kind}", computed[kind][key])
                    for kind in computed
                }
            cases.append({
                "norm": norm, "hyper": hyper, "shape": shape, "axis": axis,
                "modes": ["train", "infer"] if mode == "both" else [mode],
                "x": names["x"], "dy": names["dy"],
                "parameters": {k: names[k] for k in wanted},
                "buffers": {k: names[k] for k in buffers},
                "results": results,
            })

    for norm, shapes in SHAPES.items():
        for shape, axis in shapes:
            # Two values a group make a gradient that is rounding alone, in any framework: (7, 6) has 2 groups.
            groups = {"groups": 3 if axis == [-1] and len(shape) > 2 else 2} if norm == "group" else {}
            record(norm, shape, axis, groups)
    record("batch", [5, 7, 3, 6], [-1], {"momentum": 0.25, "epsilon": 1e-3})
    record("layer", [7, 5, 6], [-1], {"epsilon": 1e-2})
    record("rms", [7, 5, 6], [-1], {"epsilon": 1e-2})
    record("group", [7, 6, 5], [1], {"groups": 6, "epsilon": 1e-3})
    for norm in SHAPES:
        groups = {"groups": 3} if norm == "group" else {}
        record(norm, [7, 5, 6], [-1], {**groups, "scale": False}, parameters=("beta",))
        if norm != "rms":
            record(norm, [7, 6, 5], [1], {**groups, "center": False}, parameters=("gamma",))

    index = {"made_by": f"torch {torch.__version__}, numpy {np.__version__}",
             "tensors": blob.index, "cases": cases}
    np.concatenate(blob.parts).tofile(HERE / "golden.bin")
    (HERE / "golden.json").write_text(json.dumps(index, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases, {4 * blob.count} bytes")
    for (norm, key), error in sorted(worst.items()):
        print(f"{norm:9} {key:16} PyTorch float32 against float64: {error:.1e} of the scale")


if __name__ == "__main__":
    main()
