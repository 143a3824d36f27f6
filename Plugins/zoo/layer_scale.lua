norm.define("layer_scale", {
  doc = "a small gain per channel on a residual branch; no norm at all",
  paper = "Touvron et al. 2021, arXiv:2103.17239",
  hyper = { initial = norm.real { 1e-5, doc = "the gain to start from" } },
  param = { gamma = norm.per_channel { "initial" } },
  forward = function(x, s) return x * s.gamma end,
})
