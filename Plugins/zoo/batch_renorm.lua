norm.define("batch_renorm", {
  doc = "batch renormalization: batch norm, pulled towards the running statistics within limits",
  paper = "Ioffe 2017, arXiv:1702.03275",
  -- r and d get no gradient. The limits are real hyper-parameters, so that a schedule may widen them.
  gradient = "partial",
  hyper = {
    epsilon = norm.real { 1e-3, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.01, min = 0, max = 1, doc = "weight of the new statistics" },
    r_max = norm.real { 3, min = 1, doc = "the largest ratio of deviations" },
    d_max = norm.real { 5, min = 0, doc = "the largest shift, in running deviations" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  claims = { correction = 0 },
  forward = function(x, s, mode)
    local running = (s.variance + s.epsilon):sqrt()
    if not mode.train then return (x - s.mean) / running * s.gamma + s.beta end
    local mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
    local deviation = (variance + s.epsilon):sqrt()
    local r = (deviation / running):clamp(1 / s.r_max, s.r_max):stop()
    local d = ((mean - s.mean) / running):clamp(-s.d_max, s.d_max):stop()
    s.mean:track(mean, s.momentum)
    s.variance:track(variance, s.momentum)
    return ((x - mean) / deviation * r + d) * s.gamma + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.batch_renorm():apply(x, { mode = "train", param = { gamma = 2, beta = -1 },
    buffer = { mean = 0.35, variance = 1.25 } })
  expect.close(y, tensor { { { 0.1622905, -5.202127, 3.738569, -0.7317791 }, { -1.625849, 0.1622905, -3.413988, 1.95043 } },
    { { 5.526708, -0.7317791, -2.519918, 0.1622905 }, { -6.990267, 1.95043, 0.1622905, -1.625849 } } }, 2e-5)
end)
