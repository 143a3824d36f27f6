norm.define("scale", {
  doc = "ScaleNorm: x over its length, times one learned number that starts at sqrt(channels)",
  paper = "Nguyen & Salazar 2019, arXiv:1910.05895",
  -- Epsilon is the least length, not an addend.
  hyper = { epsilon = norm.real { 1e-5, above = 0, doc = "the least length" } },
  param = { g = norm.scalar { function(d) return math.sqrt(d.channel) end } },
  forward = function(x, s) return s.g * x / (x^2):sum("channel"):sqrt():max(s.epsilon) end,
})
