norm.define("unit", {
  doc = "x over its length, without parameters",
  paper = "Keras UnitNormalization",
  -- Epsilon's square is the least square of the length.
  hyper = { epsilon = norm.real { 1e-12, min = 0, doc = "the least length" } },
  forward = function(x, s) return x * (x^2):sum("channel"):max(s.epsilon^2):rsqrt() end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.unit():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.2649065, -0.5298129, 0.7947194, 0.1324532 }, { 0, 0.4082483, -0.4082483, 0.8164966 } },
    { { 0.9561829, 0.1195229, -0.1195229, 0.2390457 }, { -0.8017837, 0.5345225, 0.2672612, 0 } } }, 2e-5)
end)
