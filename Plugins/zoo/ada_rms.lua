norm.define("ada_rms", {
  doc = "RMS norm whose gain comes from a condition: x / rms(x) (1 + scale)",
  paper = "Peebles & Xie 2022, arXiv:2212.09748, with RMS norm in the place of layer norm",
  input = { scale = norm.input { "batch", "channel" } },
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the mean square" } },
  forward = function(x, s)
    return x * (x:mean_square("channel") + s.epsilon):rsqrt() * (1 + s.scale)
  end,
})

-- Values of another hand: torch.nn.functional.rms_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.ada_rms():apply(x, { mode = "train",
    input = { scale = tensor { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } } } })
  expect.close(y, tensor { { { 0.5298129, -1.324532, 2.781518, 0.3973597 }, { 0, 1.02062, -1.428869, 2.449489 } },
    { { 1.912366, 0.3585685, -0.3585685, 0.5976142 }, { -1.603567, 1.603567, 0.8017836, 0 } } }, 2e-5)
end)
