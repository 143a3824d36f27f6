norm.define("rezero", {
  doc = "a residual branch times one learned number that starts at 0; no norm at all",
  paper = "Bachlechner et al. 2020, arXiv:2003.04887",
  param = { alpha = norm.scalar { 0, role = "gain" } },
  forward = function(x, s) return x * s.alpha end,
})
