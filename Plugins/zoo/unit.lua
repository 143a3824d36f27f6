norm.define("unit", {
  doc = "x over its length, without parameters",
  paper = "Keras UnitNormalization",
  -- Epsilon's square is the least square of the length.
  hyper = { epsilon = norm.real { 1e-12, min = 0, doc = "the least length" } },
  forward = function(x, s) return x * (x^2):sum("channel"):max(s.epsilon^2):rsqrt() end,
})
