norm.define("local_response", {
  doc = "local response norm: x over a power of the mean square of neighbouring channels",
  paper = "Krizhevsky, Sutskever & Hinton 2012 (AlexNet), section 3.3",
  -- As in PyTorch, ONNX and oneDNN alpha is divided by the size of the window, also at the edges, where
  -- the window has fewer channels. ONNX calls k bias.
  hyper = {
    size = norm.int { 5, min = 1, doc = "channels of a window" },
    alpha = norm.real { 1e-4, min = 0, doc = "factor of the mean square" },
    beta = norm.real { 0.75, min = 0, doc = "the power" },
    k = norm.real { 1, above = 0, doc = "added to the mean square" } },
  forward = function(x, s)
    return x / (s.k + s.alpha / s.size * (x ^ 2):window("channel", s.size)) ^ s.beta
  end,
})

-- Values of another hand: torch.nn.functional.local_response_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.local_response { size = 3, alpha = 1 }:apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.4792073, -0.5445456, 0.8449328, 0.174064 }, { 0, 0.6817316, -0.4386913, 0.9584147 } },
    { { 0.9921512, 0.1228245, -0.368894, 0.7701038 }, { -0.8548151, 0.5445456, 0.4792073, 0 } } }, 2e-5)
end)
