norm.define("rezero", {
  doc = "a residual branch times one learned number that starts at 0; no norm at all",
  paper = "Bachlechner et al. 2020, arXiv:2003.04887",
  param = { alpha = norm.scalar { 0, role = "gain" } },
  forward = function(x, s) return x * s.alpha end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.rezero():apply(x, { mode = "train", param = { alpha = 0.75 } })
  expect.close(y, tensor { { { 0.75, -1.5, 2.25, 0.375 }, { 0, 0.75, -0.75, 1.5 } },
    { { 3, 0.375, -0.375, 0.75 }, { -2.25, 1.5, 0.75, 0 } } }, 2e-5)
end)
