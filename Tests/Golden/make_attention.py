"""Writes attention.json beside itself: PyTorch's outputs and gradients of multi-head self-attention.

Needs torch. Computed in float64 from float32 inputs; layouts as Norma has them: x [batch, tokens, width],
one dense layer for queries, keys and values, an optional norm over each head's width.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(0)
cases = []
for batch, tokens, heads, head, causal, norm in [
    (2, 5, 3, 4, True, None), (2, 7, 2, 3, False, None), (1, 19, 2, 5, True, "rms"),
    (2, 6, 1, 8, True, "layer"),
]:
    width = heads * head
    tensors = {"query_key_value.weight": torch.randn(3 * width, width) * 0.5,
               "query_key_value.bias": torch.randn(3 * width) * 0.5,
               "output.weight": torch.randn(width, width) * 0.5, "output.bias": torch.randn(width)}
    for which in ["query_norm", "key_norm"] if norm else []:
        tensors[which + ".gamma"] = 1 + 0.3 * torch.randn(head)
        if norm == "layer":
            tensors[which + ".beta"] = 0.3 * torch.randn(head)
    x, dy = torch.randn(batch, tokens, width), torch.randn(batch, tokens, width)
    leaf = {k: v.double().requires_grad_() for k, v in (tensors | {"x": x}).items()}

    def normalize(t, which):
        if norm == "rms":
            return F.rms_norm(t, (head,), leaf[which + ".gamma"], 1e-6)
        if norm == "layer":
            return F.layer_norm(t, (head,), leaf[which + ".gamma"], leaf[which + ".beta"], 1e-5)
        return t

    mixed = F.linear(leaf["x"], leaf["query_key_value.weight"], leaf["query_key_value.bias"])
    q, k, v = mixed.view(batch, tokens, 3, heads, head).permute(2, 0, 3, 1, 4)
    q, k = normalize(q, "query_norm"), normalize(k, "key_norm")
    seen = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    y = F.linear(seen.transpose(1, 2).reshape(batch, tokens, width),
                 leaf["output.weight"], leaf["output.bias"])
    y.backward(dy.double())
    flat = lambda t: [round(float(e), 9) for e in t.detach().reshape(-1)]
    cases.append({
        "batch": batch, "tokens": tokens, "heads": heads, "width": width, "causal": causal,
        "norm": norm or "none", "x": flat(x), "dy": flat(dy), "y": flat(y),
        "dx": flat(leaf["x"].grad), "values": {k: flat(v) for k, v in tensors.items()},
        "gradients": {k: flat(leaf[k].grad) for k in tensors}})
pathlib.Path(__file__).with_name("attention.json").write_text(json.dumps(cases) + "\n")
