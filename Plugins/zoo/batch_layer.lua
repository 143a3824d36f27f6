norm.define("batch_layer", {
  doc = "batch channel normalization: a learned mixture of batch norm and layer norm",
  paper = "Khaled et al. 2023, arXiv:2312.00596",
  -- Layer statistics over space and channels of each sample.
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variances" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  param = {
    iota = norm.per_channel { 0.5, role = "weight" },
    gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  forward = function(x, s, mode)
    local mean, variance = s.mean, s.variance
    if mode.train then
      mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
      s.mean:track(mean, s.momentum)
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    local batch = (x - mean) * (variance + s.epsilon):rsqrt()
    local layer = (x - x:mean("space", "channel"))
      * (x:variance("space", "channel") + s.epsilon):rsqrt()
    return (s.iota * batch + (1 - s.iota) * layer) * s.gamma + s.beta
  end,
})
