norm.define("ibn", {
  doc = "instance norm on the first half of the channels, batch norm on the second (IBN-a)",
  paper = "Pan et al. 2018, arXiv:1807.09441",
  -- Running statistics are kept for all channels; those of the first half are not used.
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  claims = { correction = 1 },
  forward = function(x, s, mode)
    local n = x:size("channel")
    local half = math.max(1, n // 2)
    local mean, variance = s.mean, s.variance
    if mode.train then
      mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
      s.mean:track(mean, s.momentum)
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    local instance = (x - x:mean("space")) * (x:variance("space") + s.epsilon):rsqrt()
    local batch = (x - mean) * (variance + s.epsilon):rsqrt()
    if half == n then return instance * s.gamma + s.beta end
    return concat(instance:slice("channel", 1, half), batch:slice("channel", half + 1, n)) * s.gamma
      + s.beta
  end,
})
