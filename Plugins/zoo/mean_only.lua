norm.define("mean_only", {
  doc = "mean-only batch norm: the batch's mean is subtracted, nothing is scaled",
  paper = "Salimans & Kingma 2016, arXiv:1602.07868",
  hyper = { momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new mean" } },
  param = { beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 } },
  forward = function(x, s, mode)
    local mean = s.mean
    if mode.train then
      mean = x:mean("batch", "space")
      s.mean:track(mean, s.momentum)
    end
    return x - mean + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.mean_only():apply(x, { mode = "train", param = { beta = -1 }, buffer = { mean = 0.35 } })
  expect.close(y, tensor { { { -0.5, -3.375, 1.375, -1.375 }, { -1.5, -0.375, -2.625, 0.125 } },
    { { 2.5, -0.875, -2.125, -0.875 }, { -4.5, 0.625, -0.625, -1.875 } } }, 2e-5)
end)
