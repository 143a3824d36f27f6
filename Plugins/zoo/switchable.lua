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

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.switchable():apply(x, { mode = "train",
    param = { gamma = 2, beta = -1, m1 = 1, m2 = 0.5, m3 = 0, v1 = 0.5, v2 = 1, v3 = 1.5 },
    buffer = { mean = 0.35, variance = 1.25 } })
  expect.close(y, tensor { { { -0.5126048, -3.682764, 1.706955, -1.909994 }, { -1.526321, 0.3627649, -3.205248, 1.000859 } },
    { { 1.70769, -1.521504, -2.201914, -0.3409467 }, { -3.767763, 0.459044, -0.2738535, -2.023368 } } }, 2e-5)
end)
