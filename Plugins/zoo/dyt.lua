norm.define("dyt", {
  doc = "dynamic tanh: no statistics, a slope, a gain and a shift",
  paper = "Zhu et al. 2025, arXiv:2503.10622",
  hyper = { alpha0 = norm.real { 0.5, above = 0, doc = "the slope to start from" } },
  param = {
    alpha = norm.scalar { "alpha0" }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s) return (s.alpha * x):tanh() * s.gamma + s.beta end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.dyt():apply(x, { mode = "train", param = { gamma = 2, beta = -1, alpha = 0.75 } })
  expect.close(y, tensor { { { 0.2702979, -2.810297, 0.9560522, -0.2832852 }, { -1, 0.2702979, -2.270298, 0.8102965 } },
    { { 0.9901095, -0.2832852, -1.716715, 0.2702979 }, { -2.956052, 0.8102965, 0.2702979, -1 } } }, 2e-5)
end)
