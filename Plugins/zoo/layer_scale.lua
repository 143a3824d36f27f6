norm.define("layer_scale", {
  doc = "a small gain per channel on a residual branch; no norm at all",
  paper = "Touvron et al. 2021, arXiv:2103.17239",
  hyper = { initial = norm.real { 1e-5, doc = "the gain to start from" } },
  param = { gamma = norm.per_channel { "initial" } },
  forward = function(x, s) return x * s.gamma end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.layer_scale():apply(x, { mode = "train", param = { gamma = 2 } })
  expect.close(y, tensor { { { 2, -4, 6, 1 }, { 0, 2, -2, 4 } },
    { { 8, 1, -1, 2 }, { -6, 4, 2, 0 } } }, 2e-5)
end)
