"""Writes zoo.json beside itself: values and gradients of the norms in Plugins/zoo; and into each file
of the zoo a test with a few values, after its last line that is Norma's own.

Needs torch and numpy. The norms as another hand writes them are in zoo_formulas.py. Everything is computed
in float64 from float32 inputs; gradients are PyTorch's, of sum(y * dy).
"""

import inspect
import json
import pathlib

import numpy as np
import torch

import zoo_formulas
from zoo_formulas import C, FULL, HYPER, INPUTS, N, NORMS, POSITION, S

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = [([4, 5, 6], [-1]), ([4, 6, 5], [1])]


def rounded(t):
    return [float("%.9g" % v) for v in np.asarray(t.detach()).reshape(-1)]


def main():
    random = np.random.default_rng(11)

    def draw(*shape, around=0.0, spread=1.0):
        return torch.tensor(np.float32(around + spread * random.standard_normal(shape)).astype("f8"))

    inputs, cases = [], []
    for shape, axis in SHAPES:
        last = axis == [-1]
        x32, dy32 = draw(*shape, around=0.5, spread=1.5), draw(*shape, around=0.3)
        inputs.append({"shape": shape, "axis": axis, "x": rounded(x32), "dy": rounded(dy32)})
        channels = shape[-1] if last else shape[1]
        for name, (parameters, buffers) in NORMS.items():
            p = {k: draw(*([channels] if role == C else []), around=0.8, spread=0.3)
                 for k, role in parameters.items()}
            b = {k: draw(channels, around=v, spread=0.05) for k, v in buffers.items()}
            seconds = {}
            for k, roles in INPUTS.get(name, {}).items():
                full = draw(*shape, around=0.5, spread=0.4)
                full = full if last else full.permute(0, 2, 1)
                if roles == POSITION:
                    full = torch.round(full.clip(0, 1) * 4) / 4
                seconds[k] = full[tuple(slice(None) if r in roles else slice(0, 1) for r in FULL)]
            for train in [True, False] if buffers else [True]:
                x = x32.clone().requires_grad_()
                leaves = {k: v.detach().contiguous().requires_grad_() for k, v in seconds.items()}
                for v in p.values():
                    v.requires_grad_()
                    v.grad = None
                state = dict(b)
                arguments = [x if last else x.permute(0, 2, 1), p, state, HYPER.get(name, {}), train]
                y = getattr(zoo_formulas, name)(*arguments, *([leaves] if leaves else []))
                y = y if last else y.permute(0, 2, 1)
                (y * dy32).sum().backward()
                results = {"y": rounded(y), "x": rounded(x.grad)}
                results.update({k: rounded(v.grad) for k, v in p.items()})
                # A full-size second input lies in memory as x does; smaller ones do anyway.
                def placed(k, v):
                    isFull = INPUTS[name][k] == FULL
                    return v.permute(0, 2, 1) if isFull and not last else v

                results.update({k: rounded(placed(k, torch.zeros_like(v) if v.grad is None else v.grad))
                                for k, v in leaves.items()})
                results.update({"buffer:" + k: rounded(state["new_" + k]) for k in b if train})
                cases.append({
                    "norm": name, "hyper": HYPER.get(name, {}), "input": len(inputs) - 1,
                    "mode": "train" if train else "infer",
                    "inputs": {k: rounded(placed(k, v)) for k, v in leaves.items()},
                    "parameters": {k: rounded(v) for k, v in p.items()},
                    "buffers": {k: rounded(v) for k, v in b.items()}, "results": results})
    def lines(items):
        return "[\n" + ",\n".join(json.dumps(i, separators=(",", ":")) for i in items) + "\n]"

    text = '{"inputs":' + lines(inputs) + ',"cases":' + lines(cases) + "}\n"
    (HERE / "zoo.json").write_text(text)


# ---- The tests in the files ------------------------------------------------------------------------

ZOO = HERE.parent.parent / "Plugins" / "zoo"
MARK = "\n-- Values of another hand"
SMALL = torch.tensor([[[1, -2, 3, 0.5], [0, 1, -1, 2]], [[4, 0.5, -0.5, 1], [-3, 2, 1, 0]]]).double()
GIVEN = {"gamma": 2.0, "beta": -1.0, "v": 0.5, "tau": -0.25, "alpha": 0.75, "iota": 0.25, "g": 1.5,
         "offset": 0.5, "weight": 0.25, "scale": 1.25, "gain": 0.5,
         "m1": 1.0, "m2": 0.5, "m3": 0.0, "v1": 0.5, "v2": 1.0, "v3": 1.5}


def number(v):
    text = "%.7g" % v
    return "0" if text == "-0" else text


def table(t):
    if t.dim() == 0:
        return number(t.item())
    return "{ " + ", ".join(table(row) for row in t) + " }"


def source(name):
    """What the comment behind a function's first line says: the peer's function it calls."""
    first = inspect.getsource(getattr(zoo_formulas, name)).split("\n")[0]
    peer = first.split("#")[1].strip() if "#" in first else ""
    if peer:
        return f"{peer}, PyTorch {torch.__version__.split('+')[0]}"
    return "the paper's formula in float64, make_zoo.py"


def write_test(name):
    parameters, buffers = NORMS[name]
    hyper = {k: {"groups": 2, "part": 2, "heads": 2}.get(k, v) for k, v in HYPER.get(name, {}).items()}
    hyper.update({"size": 1} if name == "ghost_batch" else {})
    p = {k: torch.full([4] if role == C else [], GIVEN[k]).double() for k, role in parameters.items()}
    b = {k: torch.full([4], v + 0.25).double() for k, v in buffers.items()}
    generator = np.random.default_rng(3)
    seconds = {}
    for k, roles in INPUTS.get(name, {}).items():
        size = [2 if r == N else 2 if r == S else 4 for r in FULL if r in roles]
        seconds[k] = torch.tensor(np.round(generator.uniform(0, 1, size) * 4) / 4)
    shaped = {k: v.reshape([2 if r in INPUTS[name][k] and r != C else 4 if r in INPUTS[name][k] else 1
                            for r in FULL]) for k, v in seconds.items()}
    arguments = [SMALL.clone().requires_grad_(), p, dict(b), hyper, True]
    y = getattr(zoo_formulas, name)(*arguments, *([shaped] if shaped else []))
    options = ['mode = "train"']
    for field, values in (("param", {k: GIVEN[k] for k in p}), ("buffer", {k: v[0].item() for k, v in b.items()})):
        if values:
            options.append(field + " = { " + ", ".join(f"{k} = {number(v)}" for k, v in values.items()) + " }")
    if seconds:
        options.append("input = { " + ", ".join(f"{k} = tensor {table(v)}" for k, v in seconds.items()) + " }")
    settings = "{ " + ", ".join(f"{k} = {v}" for k, v in hyper.items()) + " }" if hyper else "()"
    lines = [MARK + f": {source(name)}", 'test("agrees with values of another hand", function()',
             f"  local x = tensor {table(SMALL)}"]
    call = f"  local y = norm.{name} {settings}:apply(x, {{ " if hyper else f"  local y = norm.{name}():apply(x, {{ "
    line = call
    for k, option in enumerate(options):
        piece = option + (", " if k + 1 < len(options) else " })")
        if len(line) + len(piece) > 118:
            lines.append(line.rstrip())
            line = "    "
        line += piece
    samples = [table(sample) for sample in y.detach()]
    lines += [line, "  expect.close(y, tensor { " + samples[0] + ",", "    " + samples[1] + " }, 2e-5)", "end)"]
    file = ZOO / (name + ".lua")
    text = file.read_text().split(MARK)[0].rstrip("\n") + "\n"
    file.write_text(text + "\n".join(lines) + "\n")


main()
for name in NORMS:
    write_test(name)
