norm.define("rms_outside", {
  doc = "RMS norm with epsilon outside the root, as its authors wrote it",
  paper = "Zhang & Sennrich 2019, arXiv:1910.07467",
  hyper = { epsilon = norm.real { 1e-8, min = 0, doc = "added to the root mean square" } },
  param = { gamma = norm.per_channel { 1 } },
  claims = { statistics = { "channel" }, epsilon = "outside" },
  forward = function(x, s) return x / ((x^2):mean("channel"):sqrt() + s.epsilon) * s.gamma end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.rms_outside():apply(x, { mode = "train", param = { gamma = 2 } })
  expect.close(y, tensor { { { 1.059626, -2.119252, 3.178878, 0.5298129 }, { 0, 1.632993, -1.632993, 3.265986 } },
    { { 3.824732, 0.4780914, -0.4780914, 0.9561829 }, { -3.207135, 2.13809, 1.069045, 0 } } }, 2e-5)
end)
