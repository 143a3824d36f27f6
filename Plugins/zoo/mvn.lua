norm.define("mvn", {
  doc = "mean-variance normalization over batch and space, without parameters or running statistics",
  paper = "ONNX MeanVarianceNormalization-13",
  -- Epsilon is added outside the root.
  hyper = { epsilon = norm.real { 1e-9, min = 0, doc = "added to the deviation" } },
  claims = { infer = "batch", epsilon = "outside" },
  forward = function(x, s)
    -- The least variance keeps the root's gradient finite where all values are equal.
    local deviation = x:variance("batch", "space"):max(1e-30):sqrt()
    return (x - x:mean("batch", "space")) / (deviation + s.epsilon)
  end,
})
