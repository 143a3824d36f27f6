norm.define("evonorm_s0", {
  doc = "EvoNorm-S0: x sigmoid(v x) over the deviation of a group; norm and activation in one",
  paper = "Liu et al. 2020, arXiv:2004.02967",
  hyper = {
    groups = norm.int { 32, min = 1, divides = "channel" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  param = {
    v = norm.per_channel { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    x = x:group(s.groups)
    local deviation = (x:variance("member", "space") + s.epsilon):sqrt()
    return x * (s.v * x):sigmoid() / deviation * s.gamma + s.beta
  end,
})
