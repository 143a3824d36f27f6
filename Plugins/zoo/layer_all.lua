norm.define("layer_all", {
  doc = "layer norm over space and channels of each sample: group norm of one group",
  paper = "Ba, Kiros & Hinton 2016, arXiv:1607.06450; timm GroupNorm1",
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  claims = { statistics = { "channel", "space" }, epsilon = "inside" },
  forward = function(x, s)
    local c = x - x:mean("space", "channel")
    return c * (x:variance("space", "channel") + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})
