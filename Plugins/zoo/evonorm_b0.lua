norm.define("evonorm_b0", {
  doc = "EvoNorm-B0: x over the larger of the batch's deviation and v x + the instance's",
  paper = "Liu et al. 2020, arXiv:2004.02967",
  -- Momentum and unbiased running variance as in timm.
  hyper = {
    epsilon = norm.real { 1e-3, min = 0, doc = "added to both variances" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new variance" } },
  param = {
    v = norm.per_channel { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { variance = norm.per_channel { 1 } },
  forward = function(x, s, mode)
    local variance = s.variance
    if mode.train then
      variance = x:variance("batch", "space")
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    local instance = (x:variance("space") + s.epsilon):sqrt()
    return x / (variance + s.epsilon):sqrt():max(s.v * x + instance) * s.gamma + s.beta
  end,
})
