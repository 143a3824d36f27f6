-- The norms that scripts/bench also has written in Python: the plain formulas, as one would write
-- them first. torch_norms.py holds the same ones.
local epsilon = norm.real { 1e-6, min = 0, doc = "added under the root" }

norm.define("py_rms", {
  doc = "x over its root mean square, with a gain",
  hyper = { epsilon = epsilon },
  param = { gamma = norm.per_channel { 1 } },
  forward = function(x, s) return x * ((x^2):mean("channel") + s.epsilon):rsqrt() * s.gamma end,
})

norm.define("py_scale", {
  doc = "x over its length, with one gain",
  hyper = { epsilon = norm.real { 1e-5, above = 0, doc = "the least length" } },
  param = { g = norm.scalar { 1 } },
  forward = function(x, s) return s.g * x / (x^2):sum("channel"):sqrt():max(s.epsilon) end,
})

norm.define("py_dyt", {
  doc = "tanh with a slope, a gain and a shift; no statistics",
  param = {
    alpha = norm.scalar { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s) return (s.alpha * x):tanh() * s.gamma + s.beta end,
})

norm.define("py_evos0", {
  doc = "EvoNorm-S0: x sigmoid(v x) over the deviation of a group",
  hyper = {
    groups = norm.int { 32, min = 1, divides = "channel" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added under the root" } },
  param = {
    v = norm.per_channel { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    x = x:group(s.groups)
    local deviation = (x:variance("member", "space") + s.epsilon):sqrt()
    return x * (s.v * x):sigmoid() / deviation * s.gamma + s.beta
  end,
})

norm.define("py_frn", {
  doc = "filter response norm: x over its root mean square in space, above a threshold",
  hyper = { epsilon = epsilon },
  param = {
    gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 }, tau = norm.per_channel { 0 } },
  forward = function(x, s)
    local y = x * ((x^2):mean("space") + s.epsilon):rsqrt() * s.gamma + s.beta
    return y:max(s.tau)
  end,
})
