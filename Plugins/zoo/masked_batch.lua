norm.define("masked_batch", {
  doc = "batch norm whose statistics leave out the positions that a mask says",
  paper = "Ioffe & Szegedy 2015, arXiv:1502.03167; the mask as in Keras",
  -- Keras's conventions: epsilon 1e-3, 0.01 of the new statistics, running variance not corrected.
  -- mask is 1 where a position counts; with fractions it is a weight.
  input = { mask = norm.input { "batch", "space", min = 0, max = 1 } },
  hyper = {
    epsilon = norm.real { 1e-3, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.01, min = 0, max = 1, doc = "weight of the new statistics" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  claims = { statistics = { "batch", "space" }, epsilon = "inside" },
  forward = function(x, s, mode)
    local mean, variance = s.mean, s.variance
    if mode.train then
      mean = x:mean("batch", "space", { weight = s.mask })
      variance = x:variance("batch", "space", { weight = s.mask })
      s.mean:track(mean, s.momentum)
      s.variance:track(variance, s.momentum)
    end
    return (x - mean) * (variance + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})
