-- Root mean square norm as one would write it first, beside the built-in one; the other written norms of
-- norms.txt are the zoo's. torch_norms.py holds the same ones.
norm.define("py_rms", {
  doc = "x over its root mean square, with a gain",
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added under the root" } },
  param = { gamma = norm.per_channel { 1 } },
  forward = function(x, s) return x * ((x^2):mean("channel") + s.epsilon):rsqrt() * s.gamma end,
})
