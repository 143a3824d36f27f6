norm.define("ada_rms", {
  doc = "RMS norm whose gain comes from a condition: x / rms(x) (1 + scale)",
  paper = "Peebles & Xie 2022, arXiv:2212.09748, with RMS norm in the place of layer norm",
  input = { scale = norm.input { "batch", "channel" } },
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the mean square" } },
  forward = function(x, s)
    return x * (x:mean_square("channel") + s.epsilon):rsqrt() * (1 + s.scale)
  end,
})
