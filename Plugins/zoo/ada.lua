norm.define("ada", {
  doc = "AdaNorm: layer norm times a gain that falls with the value and gets no gradient",
  paper = "Xu et al. 2019, arXiv:1911.07013",
  gradient = "partial",
  hyper = {
    c = norm.real { 1, above = 0, doc = "the gain at 0" },
    k = norm.real { 0.1, min = 0, doc = "how fast the gain falls" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  forward = function(x, s)
    local y = (x - x:mean("channel")) * (x:variance("channel") + s.epsilon):rsqrt()
    return s.c * (1 - s.k * y):stop() * y
  end,
})
