norm.define("spade", {
  doc = "batch norm with a gain and a shift for each element, made of a segmentation map",
  paper = "Park et al. 2019, arXiv:1903.07291",
  input = { gain = norm.input(), shift = norm.input() },
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  claims = { statistics = { "batch", "space" }, epsilon = "inside", correction = 1 },
  forward = function(x, s, mode)
    local mean, variance = s.mean, s.variance
    if mode.train then
      mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
      s.mean:track(mean, s.momentum)
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    return (x - mean) * (variance + s.epsilon):rsqrt() * (1 + s.gain) + s.shift
  end,
})
