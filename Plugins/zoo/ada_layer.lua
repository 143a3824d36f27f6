norm.define("ada_layer", {
  doc = "layer norm whose gain and shift come from a condition (AdaLN): x̂ (1 + scale) + shift",
  paper = "Peebles & Xie 2022, arXiv:2212.09748",
  -- scale and shift are outputs of other layers; begin these at zero, and it begins as layer norm.
  input = { scale = norm.input { "batch", "channel" }, shift = norm.input { "batch", "channel" } },
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the variance" } },
  claims = { statistics = { "channel" }, epsilon = "inside" },
  forward = function(x, s)
    return (x - x:mean("channel")) * (x:variance("channel") + s.epsilon):rsqrt() * (1 + s.scale)
      + s.shift
  end,
})
