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

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.masked_batch():apply(x, { mode = "train", param = { gamma = 2, beta = -1 },
    buffer = { mean = 0.35, variance = 1.25 }, input = { mask = tensor { { 0, 0.25 }, { 0.75, 0.5 } } } })
  expect.close(y, tensor { { { -1, -10.16842, 6.837646, -1.969117 }, { -1.632424, -1.247795, -3.330111, 2.391909 } },
    { { 0.8972717, -2.734566, -2.059141, -0.5154415 }, { -3.529696, 1.725747, 1.753768, -3.422792 } } }, 2e-5)
end)
