"""Holds the module to its formula in float64, whose gradient is PyTorch's: python -m unittest, or pytest."""

import copy
import importlib
import io
import os
import sys
import unittest

import torch

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(FOLDER))
package = importlib.import_module(os.path.basename(FOLDER))
reference = importlib.import_module(os.path.basename(FOLDER) + ".reference").reference
NORM = package.NORM


def tensors(shape, axis, generator):
    """An x, and second inputs that suit it."""
    x = torch.randn(shape, generator=generator) * 1.5 + 0.5
    axis = axis % len(shape)
    roles = ["channel" if a == axis else "batch" if a == 0 else "space" for a in range(len(shape))]
    seconds = []
    for spec in NORM["inputs"]:
        size = [n if r in spec["along"] else 1 for n, r in zip(shape, roles)]
        low, high = spec.get("low"), spec.get("high")
        value = torch.rand(size, generator=generator)
        seconds.append(value * (high - low) + low if low is not None and high is not None else value + 0.5)
    return x, seconds


class NormTest(unittest.TestCase):
    def module(self, train, axis):
        torch.manual_seed(3)
        module = package.MODULE(package.CHANNELS, axis=axis).train(train)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        return module

    def test_matches_the_formula_in_float64(self):
        generator = torch.Generator().manual_seed(7)
        c = package.CHANNELS
        for shape, axis in [([6, c], -1), ([6, 5, c], -1), ([6, 3, 5, c], -1), ([6, c, 5, 3], 1)]:
            shape[0] *= package.BATCH
            for train in (True, False):
                module = self.module(train, axis)
                x, seconds = tensors(shape, axis, generator)
                dy = torch.randn(shape, generator=generator)
                names = [s["name"] for s in NORM["buffers"] if module._is_present(s)]
                before = {n: b.clone() for n, b in zip(names, module.buffers())}
                leaves = [x, *seconds, *[p.detach().clone() for p in module.parameters()]]
                single = [t.clone().requires_grad_() for t in leaves]
                inputs = single[: 1 + len(seconds)]
                y = module(*inputs)
                y.backward(dy)
                found = [t.grad for t in inputs] + [p.grad for p in module.parameters()]
                double = [t.double().requires_grad_() for t in leaves]
                names = [s["name"] for s in NORM["parameters"] if module._is_present(s)]
                expected, updates = reference(
                    double[0], double[1 : 1 + len(seconds)], dict(zip(names, double[1 + len(seconds):])),
                    {n: b.double() for n, b in before.items()}, module.settings, train, axis)
                self.close(y, expected, 1e-5)
                for name, buffer in zip(before, module.buffers()):
                    self.close(buffer, updates.get(name, before[name]), 1e-5)
                if NORM["gradient"] == "own":
                    continue
                gradients = torch.autograd.grad(expected, double, dy.double(), allow_unused=True)
                for a, b in zip(found, gradients):
                    self.close(a, torch.zeros_like(a) if b is None else b, 5e-5)

    def close(self, found, expected, bound):
        scale = max(expected.abs().max().item(), 1e-3)
        error = (found.detach().double() - expected.detach()).abs().max().item()
        self.assertLessEqual(error, bound * scale)

    def test_saves_loads_copies(self):
        module = self.module(True, -1)
        x, seconds = tensors([6 * package.BATCH, package.CHANNELS], -1, torch.Generator().manual_seed(1))
        module(x, *seconds)
        module.eval()
        y = module(x, *seconds)
        stream = io.BytesIO()
        torch.save(module.state_dict(), stream)
        stream.seek(0)
        other = package.MODULE(package.CHANNELS).eval()
        other.load_state_dict(torch.load(stream))
        self.assertTrue(torch.equal(other(x, *seconds), y))
        stream = io.BytesIO()
        torch.save(module, stream)
        stream.seek(0)
        self.assertTrue(torch.equal(torch.load(stream, weights_only=False)(x, *seconds), y))
        self.assertTrue(torch.equal(copy.deepcopy(module)(x, *seconds), y))

    def test_compiled_models_may_contain_it(self):
        if NORM["inputs"]:
            self.skipTest("it takes second inputs")
        model = torch.nn.Sequential(torch.nn.Linear(8, package.CHANNELS), self.module(False, -1))
        x = torch.randn(6 * package.BATCH, 8)
        try:
            compiled = torch.compile(model)
            found = compiled(x)
        except Exception as error:  # no C++ compiler here
            self.skipTest(f"torch.compile does not work here: {type(error).__name__}")
        self.close(found, model(x).double(), 1e-5)

    def test_what_it_cannot_take_is_told(self):
        module = self.module(False, -1)
        c = package.CHANNELS
        _, seconds = tensors([6 * package.BATCH, c], -1, torch.Generator().manual_seed(1))
        x = torch.zeros(6 * package.BATCH, c)
        with self.assertRaisesRegex(TypeError, "float32"):
            module(x.double(), *seconds)
        with self.assertRaisesRegex(TypeError, "CPU"):
            module(x.to("meta"), *seconds)
        with self.assertRaisesRegex(ValueError, "channels"):
            module(torch.zeros(6, c + 1), *seconds)
        with self.assertRaisesRegex(TypeError, "no setting"):
            package.MODULE(c, nonsense=1)
        if package.BATCH == 1:
            self.assertEqual(module(x[:0], *[s[:0] for s in seconds]).shape[0], 0)


if __name__ == "__main__":
    unittest.main()
