norm.define("derf", {
  doc = "error function instead of statistics: a slope, an offset, a gain and a shift",
  paper = "Chen et al. 2025, arXiv:2512.10938",
  hyper = { alpha0 = norm.real { 0.5, above = 0, doc = "the slope to start from" } },
  param = {
    alpha = norm.scalar { "alpha0" }, offset = norm.scalar { 0 },
    gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s) return (s.alpha * x + s.offset):erf() * s.gamma + s.beta end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.derf():apply(x, { mode = "train", param = { gamma = 2, beta = -1, alpha = 0.75, offset = 0.5 } })
  expect.close(y, tensor { { { 0.8458003, -2.685402, 0.9997988, 0.5681501 }, { 0.04099976, 0.8458003, -1.552653, 0.9906445 } },
    { { 0.9999985, 0.5681501, -0.7193676, 0.8458003 }, { -2.973343, 0.9906445, 0.8458003, 0.04099976 } } }, 2e-5)
end)
