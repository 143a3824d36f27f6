norm.define("l1", {
  doc = "x over the sum of its absolute values",
  paper = "ONNX LpNormalization with p = 1",
  hyper = { epsilon = norm.real { 1e-12, min = 0, doc = "the least sum" } },
  forward = function(x, s) return x / x:norm(1, "channel"):max(s.epsilon) end,
})
