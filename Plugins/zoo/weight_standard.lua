norm.define("weight_standard", {
  doc = "weight standardization: each output's weights with zero mean and unit variance",
  paper = "Qiao et al. 2019, arXiv:1903.10520",
  on = "weight",
  -- For weight_norm = "weight_standard" in nn.conv and nn.linear. epsilon as in timm's StdConv2d.
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the variance" } },
  claims = { statistics = { "space" }, epsilon = "inside" },
  forward = function(w, s)
    return (w - w:mean("space")) * (w:variance("space") + s.epsilon):rsqrt()
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.weight_standard():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.999998, -0.9999998, 0.9999999, -0.9999991 }, { -0.999998, 0.9999998, -0.9999999, 0.9999991 } },
    { { 1, -0.9999991, -0.9999991, 0.999998 }, { -1, 0.9999991, 0.9999991, -0.999998 } } }, 2e-5)
end)
