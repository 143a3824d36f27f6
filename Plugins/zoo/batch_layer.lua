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

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.batch_layer():apply(x, { mode = "train", param = { gamma = 2, beta = -1, iota = 0.25 },
    buffer = { mean = 0.35, variance = 1.25 } })
  expect.close(y, tensor { { { -0.4590425, -4.388529, 2.21982, -1.316538 }, { -1.666945, -0.3469957, -3.09694, 1.209492 } },
    { { 2.388075, -1.057149, -2.257473, -0.6168103 }, { -4.587192, 0.6464635, -0.5808423, -2.089394 } } }, 2e-5)
end)
