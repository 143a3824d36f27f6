norm.define("mean_subtraction", {
  doc = "the mean over all rows is subtracted, as between layers of a graph network",
  paper = "Yang et al. 2020, arXiv:2003.13663",
  -- Batch and space together are the nodes; both modes use the tensor's own mean.
  claims = { infer = "batch" },
  forward = function(x, s) return x - x:mean("batch", "space") end,
})
