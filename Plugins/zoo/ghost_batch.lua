norm.define("ghost_batch", {
  doc = "ghost batch norm: statistics of small parts of the batch",
  paper = "Hoffer et al. 2017, arXiv:1705.08741",
  -- The running statistics get the mean over the parts, as if each part were a step's share.
  hyper = {
    size = norm.int { 16, min = 1, doc = "samples of a part" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  claims = { epsilon = "inside" },
  forward = function(x, s, mode)
    local mean, variance = s.mean, s.variance
    if mode.train then
      x = x:chunk(s.size)                                       -- from here on, a part is the batch
      mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
      s.mean:track(mean:mean("chunk"), s.momentum)
      s.variance:track(variance:mean("chunk"), s.momentum)
    end
    return (x - mean) * (variance + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.ghost_batch { size = 1 }:apply(x, { mode = "train", param = { gamma = 2, beta = -1 },
    buffer = { mean = 0.35, variance = 1.25 } })
  expect.close(y, tensor { { { 0.99996, -2.999996, 0.9999975, -2.999982 }, { -2.99996, 0.9999956, -2.999998, 0.9999822 } },
    { { 0.9999992, -2.999982, -2.999982, 0.99996 }, { -2.999999, 0.9999822, 0.9999822, -2.99996 } } }, 2e-5)
end)
