"""The norms of Plugins/zoo as another hand writes them, for make_zoo.py.

Each function is written from the paper's formula, or calls the peer that its comment names; none was made
from Norma's own. x is [batch, space, channel]; p, b, h are parameters, buffers and hyper-parameters, i
second inputs; what a buffer becomes is left in b under "new_" and its name.
"""

import torch
import torch.nn.functional as F

N, S, C = 0, 1, 2  # every tensor is brought into the order batch, space, channel


def mean(x, *dims):
    return x.mean(dim=dims, keepdim=True)


def var(x, *dims, ddof=0):
    return x.var(dim=dims, keepdim=True, correction=ddof)


def grouped(x, groups, statistic):
    """A statistic over space and the members of each group, spread over its channels."""
    n, s, c = x.shape
    value = statistic(x.reshape(n, s, groups, c // groups))
    return value.expand(n, 1, groups, c // groups).reshape(n, 1, c)


def track(b, name, value, momentum):
    b["new_" + name] = (1 - momentum) * b[name] + momentum * value.reshape(-1)


def ada(x, p, b, h, train):
    y = (x - mean(x, C)) / torch.sqrt(var(x, C) + 1e-5)
    return 1 * (1 - 0.1 * y).detach() * y


def batch_free(x, p, b, h, train):  # torch.nn.functional.batch_norm
    return F.batch_norm(x.permute(0, 2, 1), None, None, training=True).permute(0, 2, 1)


def batch_layer(x, p, b, h, train):
    m, v = (mean(x, N, S), var(x, N, S)) if train else (b["mean"], b["variance"])
    if train:
        track(b, "mean", m, 0.1)
        track(b, "variance", var(x, N, S, ddof=1), 0.1)
    layer = F.group_norm(x.permute(0, 2, 1), 1).permute(0, 2, 1)
    return (p["iota"] * (x - m) / torch.sqrt(v + 1e-5) + (1 - p["iota"]) * layer) * p["gamma"] + p["beta"]


def batch_renorm(x, p, b, h, train):
    running = torch.sqrt(b["variance"] + 1e-3)
    if not train:
        return p["gamma"] * (x - b["mean"]) / running + p["beta"]
    m, d = mean(x, N, S), torch.sqrt(var(x, N, S) + 1e-3)
    r = torch.clip(d / running, 1 / 3, 3).detach()
    shift = torch.clip((m - b["mean"]) / running, -5, 5).detach()
    track(b, "mean", m, 0.01)
    track(b, "variance", var(x, N, S), 0.01)
    return p["gamma"] * ((x - m) / d * r + shift) + p["beta"]


def crms(x, p, b, h, train):
    # RMS norm of the vector with the value that is left out put back.
    whole = torch.cat([x, -x.sum(dim=C, keepdim=True)], dim=C)
    return x * torch.rsqrt(mean(whole**2, C) + 1e-8)


def derf(x, p, b, h, train):
    return torch.erf(p["alpha"] * x + p["offset"]) * p["gamma"] + p["beta"]


def dyt(x, p, b, h, train):
    return p["gamma"] * torch.tanh(p["alpha"] * x) + p["beta"]


def evonorm_b0(x, p, b, h, train):
    v = var(x, N, S) if train else b["variance"]
    if train:
        track(b, "variance", var(x, N, S, ddof=1), 0.1)
    other = p["v"] * x + torch.sqrt(var(x, S) + 1e-3)
    return x / torch.maximum(torch.sqrt(v + 1e-3), other) * p["gamma"] + p["beta"]


def evonorm_b1(x, p, b, h, train):
    v = var(x, N, S) if train else b["variance"]
    if train:
        track(b, "variance", var(x, N, S, ddof=1), 0.1)
    size = torch.sqrt(mean(x**2, S) + 1e-5)
    return x / torch.maximum(torch.sqrt(v + 1e-5), (x + 1) * size) * p["gamma"] + p["beta"]


def evonorm_s0(x, p, b, h, train):
    v = grouped(x, h["groups"], lambda t: var(t, 1, 3))
    return x * torch.sigmoid(p["v"] * x) / torch.sqrt(v + 1e-5) * p["gamma"] + p["beta"]


def evonorm_s1(x, p, b, h, train):
    v = grouped(x, h["groups"], lambda t: var(t, 1, 3))
    return F.relu(x) / torch.sqrt(v + 1e-5) * p["gamma"] + p["beta"]


def evonorm_s2(x, p, b, h, train):
    q = grouped(x, h["groups"], lambda t: mean(t**2, 1, 3))
    return F.relu(x) / torch.sqrt(q + 1e-5) * p["gamma"] + p["beta"]


def frn(x, p, b, h, train):
    y = p["gamma"] * x * torch.rsqrt(mean(x**2, S) + 1e-6) + p["beta"]
    return torch.maximum(y, p["tau"].expand_as(y))


def ghost_batch(x, p, b, h, train):
    if not train:
        return (x - b["mean"]) / torch.sqrt(b["variance"] + 1e-5) * p["gamma"] + p["beta"]
    parts = x.split(h["size"])
    track(b, "mean", sum(mean(t, N, S) for t in parts) / len(parts), 0.1)
    track(b, "variance", sum(var(t, N, S) for t in parts) / len(parts), 0.1)
    y = [(t - mean(t, N, S)) / torch.sqrt(var(t, N, S) + 1e-5) for t in parts]
    return torch.cat(y) * p["gamma"] + p["beta"]


def graph(x, p, b, h, train):
    o = x - p["alpha"] * mean(x, N, S)
    return p["gamma"] * o / torch.sqrt(mean(o**2, N, S) + 1e-5) + p["beta"]


def grn(x, p, b, h, train):
    g = torch.linalg.vector_norm(x, dim=S, keepdim=True)
    return p["gamma"] * (x * g / (mean(g, C) + 1e-6)) + p["beta"] + x


def l1(x, p, b, h, train):  # torch.nn.functional.normalize
    return F.normalize(x, p=1, dim=C)


def l2(x, p, b, h, train):  # torch.nn.functional.normalize
    return F.normalize(x, p=2, dim=C) * p["gamma"]


def layer_all(x, p, b, h, train):  # torch.nn.functional.group_norm with one group
    y = F.group_norm(x.permute(0, 2, 1), 1, p["gamma"], p["beta"], eps=1e-5)
    return y.permute(0, 2, 1)


def layer_scale(x, p, b, h, train):
    return x * p["gamma"]


def mean_only(x, p, b, h, train):
    m = mean(x, N, S) if train else b["mean"]
    if train:
        track(b, "mean", m, 0.1)
    return x - m + p["beta"]


def mean_subtraction(x, p, b, h, train):
    rows = x.reshape(-1, x.shape[2])
    return (rows - rows.mean(dim=0)).reshape(x.shape)


def rezero(x, p, b, h, train):
    return p["alpha"] * x


def mvn(x, p, b, h, train):
    return (x - mean(x, N, S)) / (torch.sqrt(var(x, N, S)) + 1e-9)


def pair(x, p, b, h, train):
    rows = x.reshape(-1, x.shape[2])
    c = rows - rows.mean(dim=0)
    return (c / torch.sqrt(1e-5 + (c**2).sum(dim=1).mean())).reshape(x.shape)


def pair_individual(x, p, b, h, train):
    rows = x.reshape(-1, x.shape[2])
    c = rows - rows.mean(dim=0)
    return (c / (1e-5 + c.norm(dim=1, keepdim=True))).reshape(x.shape)


def pono(x, p, b, h, train):  # torch.nn.functional.layer_norm
    return F.layer_norm(x, x.shape[2:], eps=1e-5)


def rms_offset(x, p, b, h, train):  # torch.nn.functional.rms_norm
    return F.rms_norm(x, x.shape[2:], 1 + p["gamma"], eps=1e-6)


def rms_outside(x, p, b, h, train):
    return p["gamma"] * x / (x.norm(dim=C, keepdim=True) / x.shape[2] ** 0.5 + 1e-8)


def scale(x, p, b, h, train):
    return p["g"] * x / torch.clamp(torch.norm(x, dim=C, keepdim=True), min=1e-5)


def seed(x, p, b, h, train):
    gain = torch.tanh(x @ p["weight"])[..., None] * p["alpha"] + p["gamma"]
    return gain * x / torch.sqrt(mean(x**2, C) + 1e-6)


def simple(x, p, b, h, train):
    return x * torch.rsqrt(var(x, C, ddof=1) + 1e-6) * p["gamma"]


def simple_rms(x, p, b, h, train):
    return F.normalize(x, dim=C) * x.shape[2] ** 0.5


def switchable(x, p, b, h, train):
    m_in, v_in = mean(x, S), var(x, S)
    m_ln, v_ln = mean(x, S, C), var(x, S, C)
    m_bn, v_bn = (mean(x, N, S), var(x, N, S)) if train else (b["mean"], b["variance"])
    if train:
        track(b, "mean", m_bn, 0.1)
        track(b, "variance", v_bn, 0.1)
    a = torch.softmax(torch.stack([p["m1"], p["m2"], p["m3"]]), 0)
    w = torch.softmax(torch.stack([p["v1"], p["v2"], p["v3"]]), 0)
    m = a[0] * m_in + a[1] * m_ln + a[2] * m_bn
    v = w[0] * v_in + w[1] * v_ln + w[2] * v_bn
    return (x - m) / torch.sqrt(v + 1e-5) * p["gamma"] + p["beta"]


def unit(x, p, b, h, train):
    return x * torch.rsqrt(torch.clamp((x**2).sum(dim=C, keepdim=True), min=1e-24))


def partial_rms(x, p, b, h, train):
    k = max(1, x.shape[C] // h["part"])
    return x / (torch.sqrt(mean(x[..., :k] ** 2, C)) + 1e-8) * p["gamma"]


def ibn(x, p, b, h, train):  # torch.nn.functional.instance_norm and batch_norm
    half = x.shape[C] // 2
    mean_, variance = b["mean"].clone(), b["variance"].clone()
    image = x.permute(0, 2, 1)
    batch = F.batch_norm(image, mean_, variance, training=train, momentum=0.1)
    if train:
        b["new_mean"], b["new_variance"] = mean_, variance
    joined = torch.cat([F.instance_norm(image[:, :half]), batch[:, half:]], dim=1)
    return joined.permute(0, 2, 1) * p["gamma"] + p["beta"]


def ada_layer(x, p, b, h, train, i):  # torch.nn.functional.layer_norm
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + i["scale"]) + i["shift"]


def ada_rms(x, p, b, h, train, i):  # torch.nn.functional.rms_norm
    return F.rms_norm(x, x.shape[-1:], eps=1e-6) * (1 + i["scale"])


def film(x, p, b, h, train, i):
    return i["gain"] * x + i["shift"]


def ada_instance(x, p, b, h, train, i):
    z = (x - mean(x, S)) / torch.sqrt(var(x, S) + 1e-5)
    return torch.sqrt(var(i["style"], S) + 1e-5) * z + mean(i["style"], S)


def spade(x, p, b, h, train, i):  # torch.nn.functional.batch_norm
    mean_, variance = b["mean"].clone(), b["variance"].clone()
    z = F.batch_norm(x.permute(0, 2, 1), mean_, variance, training=train, momentum=0.1)
    if train:
        b["new_mean"], b["new_variance"] = mean_, variance
    return z.permute(0, 2, 1) * (1 + i["gain"]) + i["shift"]


def masked_batch(x, p, b, h, train, i):
    m, v = b["mean"], b["variance"]
    if train:
        w = i["mask"] / i["mask"].sum()
        m = (w * x).sum(dim=(N, S), keepdim=True)
        v = (w * (x - m) ** 2).sum(dim=(N, S), keepdim=True)
        track(b, "mean", m, 0.01)
        track(b, "variance", v, 0.01)
    return (x - m) / torch.sqrt(v + 1e-3) * p["gamma"] + p["beta"]


def message(x, p, b, h, train, i):  # torch.nn.functional.normalize
    return F.normalize(x, dim=C, eps=1e-12) * i["features"].norm(dim=C, keepdim=True) * p["scale"]


class PowerStep(torch.autograd.Function):
    """Algorithm 2 of the paper, lines 5 to 9 of forward and 3 to 7 of backward."""

    @staticmethod
    def forward(ctx, x, psi2, nu):
        z = x / torch.sqrt(psi2 + 1e-5)
        ctx.save_for_backward(z, psi2, nu)
        return z

    @staticmethod
    def backward(ctx, g):
        z, psi2, nu = ctx.saved_tensors
        return (g - nu * z) / torch.sqrt(psi2 + 1e-5), None, None


def power(x, p, b, h, train):
    psi2, nu = b["square"], b["drift"]
    if not train:
        return x / torch.sqrt(psi2 + 1e-5) * p["gamma"] + p["beta"]
    track(b, "square", mean(x**2, N, S), 0.1)
    z = PowerStep.apply(x, psi2, nu)
    y = z * p["gamma"] + p["beta"]

    def after(dy):
        gamma2, along = mean(z**2, N, S), mean(dy * p["gamma"] * z, N, S)
        b["new_drift"] = nu * (1 - 0.1 * gamma2.reshape(-1)) + 0.1 * along.reshape(-1)

    y.register_hook(after)
    return y


def weight_standard(x, p, b, h, train):
    return (x - mean(x, S)) / torch.sqrt(var(x, S) + 1e-6)


def scaled_weight_standard(x, p, b, h, train):
    return p["gain"] * x.shape[S] ** -0.5 * weight_standard(x, p, b, h, train)


def weight_length(x, p, b, h, train):
    return p["g"] * F.normalize(x, dim=S, eps=1e-12)


def spectral(x, p, b, h, train):
    # One matrix for all: rows are channels, as torch.nn.utils.parametrizations.spectral_norm has it.
    w = x.permute(2, 0, 1).reshape(x.shape[C], -1)
    u = F.normalize(b["u"], dim=0)
    with torch.no_grad():
        v = F.normalize(w.T @ b["u"], dim=0)
        if train:
            u = F.normalize(w @ v, dim=0)
            b["new_u"] = u
    return x / (u @ w @ v)



def local_response(x, p, b, h, train):  # torch.nn.functional.local_response_norm
    y = F.local_response_norm(x.permute(0, 2, 1), h["size"], alpha=h["alpha"], beta=0.75, k=1)
    return y.permute(0, 2, 1)


def divisive(x, p, b, h, train):  # torch.nn.functional.avg_pool1d for the windows
    def near(t):
        return F.avg_pool1d(mean(t, C).permute(0, 2, 1), h["size"], 1, h["size"] // 2,
                            count_include_pad=False).permute(0, 2, 1)

    c = x - near(x)
    return c / torch.sqrt(1 + near(c**2)) * p["gamma"] + p["beta"]


def deep_layer(x, p, b, h, train, i):  # torch.nn.functional.layer_norm
    return F.layer_norm(h["alpha"] * i["skip"] + x, x.shape[-1:], p["gamma"], p["beta"])


def sphere_step(x, p, b, h, train, i):
    step = p["alpha"].abs() * (F.normalize(x, dim=C) - i["skip"])
    return F.normalize(i["skip"] + step, dim=C)


def weight_unit(x, p, b, h, train):  # torch.nn.functional.normalize
    return F.normalize(x, dim=S)


def multihead_rms(x, p, b, h, train):
    n, s, c = x.shape
    heads = x.reshape(n, s, h["heads"], -1)
    return F.rms_norm(heads, heads.shape[-1:], eps=1e-6).reshape(n, s, c) * (1 + p["gamma"])


AFFINE = {"gamma": C, "beta": C}
RUNNING = {"mean": 0.1, "variance": 1.0}
NORMS = {  # parameters: C one a channel, 0 a number; buffers with what they are drawn around
    "ada": ({}, {}), "batch_free": ({}, {}), "batch_layer": ({**AFFINE, "iota": C}, RUNNING),
    "batch_renorm": (AFFINE, RUNNING), "crms": ({}, {}),
    "derf": ({**AFFINE, "alpha": 0, "offset": 0}, {}), "dyt": ({**AFFINE, "alpha": 0}, {}),
    "evonorm_b0": ({**AFFINE, "v": C}, {"variance": 1.0}), "evonorm_s0": ({**AFFINE, "v": C}, {}),
    "evonorm_s1": (AFFINE, {}), "evonorm_s2": (AFFINE, {}), "frn": ({**AFFINE, "tau": C}, {}),
    "ghost_batch": (AFFINE, RUNNING),
    "graph": ({**AFFINE, "alpha": C}, {}), "grn": (AFFINE, {}), "l1": ({}, {}),
    "l2": ({"gamma": C}, {}), "layer_all": (AFFINE, {}), "layer_scale": ({"gamma": C}, {}),
    "mean_only": ({"beta": C}, {"mean": 0.1}), "mvn": ({}, {}), "pair": ({}, {}),
    "pair_individual": ({}, {}), "pono": ({}, {}), "rms_offset": ({"gamma": C}, {}),
    "rms_outside": ({"gamma": C}, {}), "scale": ({"g": 0}, {}),
    "seed": ({"alpha": C, "weight": C, "gamma": C}, {}), "simple": ({"gamma": C}, {}),
    "simple_rms": ({}, {}),
    "switchable": ({**AFFINE, **{k: 0 for k in ("m1", "m2", "m3", "v1", "v2", "v3")}}, RUNNING),
    "unit": ({}, {}), "evonorm_b1": (AFFINE, {"variance": 1.0}),
    "mean_subtraction": ({}, {}), "rezero": ({"alpha": 0}, {}),
    "partial_rms": ({"gamma": C}, {}), "ibn": (AFFINE, RUNNING), "ada_layer": ({}, {}),
    "ada_rms": ({}, {}), "film": ({}, {}), "ada_instance": ({}, {}), "spade": ({}, RUNNING),
    "masked_batch": (AFFINE, RUNNING), "message": ({"scale": 0}, {}),
    "power": (AFFINE, {"square": 1.0, "drift": 0.0}), "weight_standard": ({}, {}),
    "scaled_weight_standard": ({"gain": C}, {}), "weight_length": ({"g": C}, {}),
    "spectral": ({}, {"u": 1.0}), "local_response": ({}, {}), "divisive": (AFFINE, {}),
    "deep_layer": (AFFINE, {}), "sphere_step": ({"alpha": C}, {}), "weight_unit": ({}, {}),
    "multihead_rms": ({"gamma": C}, {}),
}
PER_SAMPLE, FULL, POSITION = (N, C), (N, S, C), (N, S)
INPUTS = {  # second inputs and the roles along which each varies
    "ada_layer": {"scale": PER_SAMPLE, "shift": PER_SAMPLE}, "ada_rms": {"scale": PER_SAMPLE},
    "film": {"gain": PER_SAMPLE, "shift": PER_SAMPLE}, "ada_instance": {"style": FULL},
    "spade": {"gain": FULL, "shift": FULL}, "masked_batch": {"mask": POSITION},
    "message": {"features": FULL}, "deep_layer": {"skip": FULL}, "sphere_step": {"skip": FULL},
}
HYPER = {name: {"groups": 3} for name in ("evonorm_s0", "evonorm_s1", "evonorm_s2")}
HYPER["ghost_batch"] = {"size": 2}
HYPER["partial_rms"] = {"part": 3}
HYPER["local_response"] = {"size": 3, "alpha": 1}
HYPER["divisive"] = {"size": 3}
HYPER["deep_layer"] = {"alpha": 1.5}
HYPER["multihead_rms"] = {"heads": 3}
