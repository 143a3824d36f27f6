norm.define("scale", {
  doc = "ScaleNorm: x over its length, times one learned number that starts at sqrt(channels)",
  paper = "Nguyen & Salazar 2019, arXiv:1910.05895",
  -- Epsilon is the least length, not an addend.
  hyper = { epsilon = norm.real { 1e-5, above = 0, doc = "the least length" } },
  param = { g = norm.scalar { function(d) return math.sqrt(d.channel) end } },
  forward = function(x, s) return s.g * x / (x^2):sum("channel"):sqrt():max(s.epsilon) end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.scale():apply(x, { mode = "train", param = { g = 1.5 } })
  expect.close(y, tensor { { { 0.3973597, -0.7947194, 1.192079, 0.1986799 }, { 0, 0.6123724, -0.6123724, 1.224745 } },
    { { 1.434274, 0.1792843, -0.1792843, 0.3585686 }, { -1.202676, 0.8017837, 0.4008919, 0 } } }, 2e-5)
end)
