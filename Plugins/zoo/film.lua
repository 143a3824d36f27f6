norm.define("film", {
  doc = "feature-wise linear modulation: a gain and a shift for each sample and channel",
  paper = "Perez et al. 2017, arXiv:1709.07871",
  input = { gain = norm.input { "batch", "channel" }, shift = norm.input { "batch", "channel" } },
  forward = function(x, s) return x * s.gain + s.shift end,
})
