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

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.mvn():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.2, -1.611559, 1.526117, -0.5070926 }, { -0.2, 0.4240945, -1.044185, 1.521278 } },
    { { 1.4, 0.08481889, -0.7228974, 0.1690309 }, { -1.4, 1.102646, 0.2409658, -1.183216 } } }, 2e-5)
end)
