norm.define("graph", {
  doc = "GraphNorm: batch statistics whose mean is subtracted in part, as learned",
  paper = "Cai et al. 2020, arXiv:2009.03294",
  -- One graph a tensor: batch and space together are its nodes; no running statistics.
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the mean square" } },
  param = {
    alpha = norm.per_channel { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  claims = { infer = "batch" },
  forward = function(x, s)
    local o = x - s.alpha * x:mean("batch", "space")
    return s.gamma * o * ((o^2):mean("batch", "space") + s.epsilon):rsqrt() + s.beta
  end,
})
