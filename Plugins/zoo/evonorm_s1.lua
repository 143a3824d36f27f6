norm.define("evonorm_s1", {
  doc = "EvoNorm-S1: relu(x) over the deviation of a group",
  paper = "Liu et al. 2020, arXiv:2004.02967; activation as in timm EvoNorm2dS1",
  hyper = {
    groups = norm.int { 32, min = 1, divides = "channel" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    x = x:group(s.groups)
    return x:max(0) * (x:variance("member", "space") + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})
