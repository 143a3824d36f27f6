norm.define("scaled_weight_standard", {
  doc = "weight standardization that keeps the scale of activations, with a learned gain",
  paper = "Brock et al. 2021, arXiv:2101.08692",
  on = "weight",
  -- For weight_norm in nn.conv and nn.linear; gain times 1 / sqrt(fan-in), as in timm's ScaledStdConv2d.
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the variance" } },
  param = { gain = norm.per_channel { 1 } },
  forward = function(w, s)
    local scale = s.gain * w:count("space"):rsqrt()
    return (w - w:mean("space")) * (w:variance("space") + s.epsilon):rsqrt() * scale
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.scaled_weight_standard():apply(x, { mode = "train", param = { gain = 0.5 } })
  expect.close(y, tensor { { { 0.3535527, -0.3535533, 0.3535533, -0.3535531 }, { -0.3535527, 0.3535533, -0.3535533, 0.3535531 } },
    { { 0.3535534, -0.3535531, -0.3535531, 0.3535527 }, { -0.3535534, 0.3535531, 0.3535531, -0.3535527 } } }, 2e-5)
end)
