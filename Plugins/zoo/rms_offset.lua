norm.define("rms_offset", {
  doc = "RMS norm whose gain is stored minus one (Gemma), so that weight decay pulls it to one",
  paper = "Gemma Team 2024, arXiv:2403.08295",
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added under the root" } },
  param = { gamma = norm.per_channel { 0, role = "gain" } },
  claims = { statistics = { "channel" }, epsilon = "inside" },
  forward = function(x, s) return x * ((x^2):mean("channel") + s.epsilon):rsqrt() * (1 + s.gamma) end,
})

-- Values of another hand: torch.nn.functional.rms_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.rms_offset():apply(x, { mode = "train", param = { gamma = 2 } })
  expect.close(y, tensor { { { 1.589439, -3.178877, 4.768316, 0.7947193 }, { 0, 2.449489, -2.449489, 4.898978 } },
    { { 5.737097, 0.7171371, -0.7171371, 1.434274 }, { -4.810702, 3.207134, 1.603567, 0 } } }, 2e-5)
end)
