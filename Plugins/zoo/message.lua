norm.define("message", {
  doc = "a message scaled to the length of the features it is added to, times a learned scale",
  paper = "Li et al. 2020, arXiv:2006.07739",
  input = { features = norm.input() },
  hyper = { epsilon = norm.real { 1e-12, above = 0, doc = "the least length" } },
  param = { scale = norm.scalar { 1 } },
  forward = function(x, s)
    local length = x:norm(2, "channel"):max(s.epsilon)
    return x / length * s.features:norm(2, "channel") * s.scale
  end,
})
