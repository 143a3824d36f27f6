norm.define("l2", {
  doc = "x over its length, with a gain per channel (SSD's L2Norm starts it at 20)",
  paper = "Liu et al. 2015, arXiv:1512.02325",
  -- Epsilon is the least length, as in torch.nn.functional.normalize.
  hyper = {
    epsilon = norm.real { 1e-12, min = 0, doc = "the least length" },
    initial = norm.real { 1, doc = "the gain to start from" } },
  param = { gamma = norm.per_channel { "initial" } },
  forward = function(x, s) return x / x:norm(2, "channel"):max(s.epsilon) * s.gamma end,
})
