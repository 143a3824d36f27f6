norm.define("pair", {
  doc = "PairNorm: rows of a batch are centred and share one mean length",
  paper = "Zhao & Akoglu 2019, arXiv:1909.12223",
  -- The batch and space together are the nodes of a graph.
  hyper = {
    scale = norm.real { 1, above = 0, doc = "the root mean square length of a row" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added under the root" } },
  claims = { infer = "batch" },
  forward = function(x, s)
    local c = x - x:mean("batch", "space")
    return s.scale * c * ((c^2):sum("channel"):mean("batch", "space") + s.epsilon):rsqrt()
  end,
})
