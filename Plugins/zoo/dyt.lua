norm.define("dyt", {
  doc = "dynamic tanh: no statistics, a slope, a gain and a shift",
  paper = "Zhu et al. 2025, arXiv:2503.10622",
  hyper = { alpha0 = norm.real { 0.5, above = 0, doc = "the slope to start from" } },
  param = {
    alpha = norm.scalar { "alpha0" }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s) return (s.alpha * x):tanh() * s.gamma + s.beta end,
})
