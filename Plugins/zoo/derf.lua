norm.define("derf", {
  doc = "error function instead of statistics: a slope, an offset, a gain and a shift",
  paper = "Chen et al. 2025, arXiv:2512.10938",
  hyper = { alpha0 = norm.real { 0.5, above = 0, doc = "the slope to start from" } },
  param = {
    alpha = norm.scalar { "alpha0" }, offset = norm.scalar { 0 },
    gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s) return (s.alpha * x + s.offset):erf() * s.gamma + s.beta end,
})
