#!/usr/bin/env python3
"""The PyTorch side of scripts/bench --training: one row of training.txt a line in, JSON out.

A request is "model norm batch steps"; an answer has the median milliseconds of a training step on
one fixed random batch, eager_ms and compiled_ms, after five steps that are not counted.
"""
import argparse
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH = 96, 128, 4, 4, 64


def mlp(norm):
    norm = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[norm]
    hidden = lambda inputs: [nn.Linear(inputs, 256), norm(256), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *hidden(784), *hidden(256), nn.Linear(256, 10))


def cnn(norm):
    group = lambda channels: nn.GroupNorm(8, channels)
    norm = {"batch": nn.BatchNorm2d, "group(groups=8)": group}[norm]

    def block(inputs, outputs):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        return [convolution, norm(outputs), nn.ReLU(), nn.MaxPool2d(2)]

    head = [nn.Flatten(), nn.Linear(64 * 49, 128), nn.LayerNorm(128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(*block(1, 32), *block(32, 64), *head)


class Block(nn.Module):
    """Pre-norm: attention, then an MLP four times as wide."""

    def __init__(self, norm):
        super().__init__()
        self.norms = nn.ModuleList([norm(WIDTH), norm(WIDTH)])
        self.attend, self.merge = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.widen, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        heads = self.attend(self.norms[0](x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.merge(mixed.transpose(1, 2).flatten(2))
        return x + self.narrow(F.gelu(self.widen(self.norms[1](x))))


class GPT(nn.Module):
    def __init__(self, norm):
        super().__init__()
        norm = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}[norm]
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.blocks = nn.Sequential(*[Block(norm) for _ in range(DEPTH)])
        self.norm, self.out = norm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens):
        x = self.blocks(self.tokens(tokens) + self.positions)
        return self.out(self.norm(x)).flatten(0, 1)


MODELS = {"mlp": mlp, "cnn": cnn, "gpt": GPT}


class Row:
    """One model on one batch, eager and compiled; each trains a copy of its own."""

    def __init__(self, name, norm, batch, compiles):
        if name == "gpt":
            self.input = torch.randint(0, VOCABULARY, (batch, LENGTH))
            self.labels = torch.randint(0, VOCABULARY, (batch * LENGTH,))
        else:
            self.input = torch.rand(batch, 1, 28, 28)
            self.labels = torch.randint(0, 10, (batch,))
        self.runs = {}
        for kind in ["eager", "compiled"] if compiles else ["eager"]:
            model = MODELS[name](norm).train()
            if name == "gpt":
                optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
            else:
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
            function = torch.compile(model, dynamic=False) if kind == "compiled" else model
            self.runs[kind] = (function, optimizer)

    def measure(self, steps):
        answer = {}
        for kind, (model, optimizer) in self.runs.items():
            times = []
            for _ in range(steps + 5):
                start = time.perf_counter()
                loss = F.cross_entropy(model(self.input), self.labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                times.append(time.perf_counter() - start)
            answer[f"{kind}_ms"] = round(statistics.median(times[5:]) * 1e3, 3)
        return answer


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch._dynamo.config.cache_size_limit = 10000
    print(json.dumps({"torch": torch.__version__}), flush=True)
    rows = {}
    for line in sys.stdin:
        name, norm, batch, steps = line.split()
        key = (name, norm, batch)
        if key not in rows:
            rows[key] = Row(name, norm, int(batch), compiles=not options.no_compile)
        print(json.dumps(rows[key].measure(int(steps))), flush=True)


if __name__ == "__main__":
    main()
