norm.define("ada_layer", {
  doc = "layer norm whose gain and shift come from a condition (AdaLN): x̂ (1 + scale) + shift",
  paper = "Peebles & Xie 2022, arXiv:2212.09748",
  -- scale and shift are outputs of other layers; begin these at zero, and it begins as layer norm.
  input = { scale = norm.input { "batch", "channel" }, shift = norm.input { "batch", "channel" } },
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the variance" } },
  claims = { statistics = { "channel" }, epsilon = "inside" },
  forward = function(x, s)
    return (x - x:mean("channel")) * (x:variance("channel") + s.epsilon):rsqrt() * (1 + s.scale)
      + s.shift
  end,
})

-- Values of another hand: torch.nn.functional.layer_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.ada_layer():apply(x, { mode = "train",
    input = { scale = tensor { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } }, shift = tensor { { 0.75, 0, 0.5, 0.5 }, { 0.5, 0.5, 0.75, 1 } } } })
  expect.close(y, tensor { { { 0.9605587, -1.842389, 2.833692, 0.3947207 }, { 0.3027866, 0.5590168, -1.84787, 2.51246 } },
    { { 2.139783, -0.1708203, -0.8152473, 0.813661 }, { -1.103567, 2.103567, 1.551784, 1 } } }, 2e-5)
end)
