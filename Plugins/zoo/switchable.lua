norm.define("switchable", {
  doc = "switchable norm: a learned mixture of instance, layer and batch statistics",
  paper = "Luo et al. 2018, arXiv:1806.10779",
  -- Softmax by hand: one number a statistic. Instance variance is the population's.
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  param = {
    m1 = norm.scalar { 1, role = "weight" }, m2 = norm.scalar { 1, role = "weight" },
    m3 = norm.scalar { 1, role = "weight" }, v1 = norm.scalar { 1, role = "weight" },
    v2 = norm.scalar { 1, role = "weight" }, v3 = norm.scalar { 1, role = "weight" },
    gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  forward = function(x, s, mode)
    local mean, variance = s.mean, s.variance
    if mode.train then
      mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
      s.mean:track(mean, s.momentum)
      s.variance:track(variance, s.momentum)
    end
    local function mix(w1, a, w2, b, w3, c)
      local e1, e2, e3 = w1:exp(), w2:exp(), w3:exp()
      return (e1 * a + e2 * b + e3 * c) / (e1 + e2 + e3)
    end
    local mu = mix(s.m1, x:mean("space"), s.m2, x:mean("space", "channel"), s.m3, mean)
    local var = mix(
      s.v1, x:variance("space"), s.v2, x:variance("space", "channel"), s.v3, variance)
    return (x - mu) * (var + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})
