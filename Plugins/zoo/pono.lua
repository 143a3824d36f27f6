norm.define("pono", {
  doc = "positional normalization: over the channels of each position, without parameters",
  paper = "Li et al. 2019, arXiv:1907.04312",
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  claims = { statistics = { "channel" }, epsilon = "inside" },
  forward = function(x, s)
    return (x - x:mean("channel")) * (x:variance("channel") + s.epsilon):rsqrt()
  end,
})
