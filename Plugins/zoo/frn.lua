norm.define("frn", {
  doc = "filter response norm with its thresholded linear unit: no centre, a learned threshold",
  paper = "Singh & Krishnan 2019, arXiv:1911.09737",
  -- As for maps larger than one position: epsilon is not learned.
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added under the root" } },
  param = {
    gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 }, tau = norm.per_channel { 0 } },
  forward = function(x, s)
    local y = x * ((x^2):mean("space") + s.epsilon):rsqrt() * s.gamma + s.beta
    return y:max(s.tau)
  end,
})
