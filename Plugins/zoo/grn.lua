norm.define("grn", {
  doc = "global response norm: a channel's length in space over the mean of all channels', gated in",
  paper = "Woo et al. 2023, arXiv:2301.00808",
  -- Epsilon is added to the mean of lengths. Both parameters start at 0: the norm starts as nothing.
  hyper = { epsilon = norm.real { 1e-6, above = 0, doc = "added to the mean length" } },
  param = {
    gamma = norm.per_channel { 0, role = "gain" }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    local n = x:norm(2, "space")
    return x + s.beta + s.gamma * x * (n / (n:mean("channel") + s.epsilon))
  end,
})
