norm.define("l1", {
  doc = "x over the sum of its absolute values",
  paper = "ONNX LpNormalization with p = 1",
  hyper = { epsilon = norm.real { 1e-12, min = 0, doc = "the least sum" } },
  forward = function(x, s) return x / x:norm(1, "channel"):max(s.epsilon) end,
})

-- Values of another hand: torch.nn.functional.normalize, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.l1():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.1538462, -0.3076923, 0.4615385, 0.07692308 }, { 0, 0.25, -0.25, 0.5 } },
    { { 0.6666667, 0.08333333, -0.08333333, 0.1666667 }, { -0.5, 0.3333333, 0.1666667, 0 } } }, 2e-5)
end)
