norm.define("evonorm_b1", {
  doc = "EvoNorm-B1: x over the larger of the batch's deviation and (x + 1) times the instance's size",
  paper = "Liu et al. 2020, arXiv:2004.02967",
  -- Momentum and unbiased running variance as in timm; the size is a root mean square.
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added under both roots" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new variance" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { variance = norm.per_channel { 1 } },
  forward = function(x, s, mode)
    local variance = s.variance
    if mode.train then
      variance = x:variance("batch", "space")
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    local rms = ((x^2):mean("space") + s.epsilon):sqrt()
    return x / (variance + s.epsilon):sqrt():max((x + 1) * rms) * s.gamma + s.beta
  end,
})
