norm.define("scaled_weight_standard", {
  doc = "weight standardization that keeps the scale of activations, with a learned gain",
  paper = "Brock et al. 2021, arXiv:2101.08692",
  on = "weight",
  -- For weight_norm in nn.conv and nn.linear; gain times 1 / sqrt(fan-in), as in timm's ScaledStdConv2d.
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the variance" } },
  param = { gain = norm.per_channel { 1 } },
  forward = function(w, s)
    local scale = s.gain * w:count("space"):rsqrt()
    return (w - w:mean("space")) * (w:variance("space") + s.epsilon):rsqrt() * scale
  end,
})
