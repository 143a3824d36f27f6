norm.define("pair_individual", {
  doc = "PairNorm-SI: rows of a batch are centred, each gets the same length",
  paper = "Zhao & Akoglu 2019, arXiv:1909.12223",
  -- Epsilon is added to the length.
  hyper = {
    scale = norm.real { 1, above = 0, doc = "the length of a row" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the length" } },
  claims = { infer = "batch" },
  forward = function(x, s)
    local c = x - x:mean("batch", "space")
    return s.scale * c / (c:norm(2, "channel") + s.epsilon)
  end,
})
