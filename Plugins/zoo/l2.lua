norm.define("l2", {
  doc = "x over its length, with a gain per channel (SSD's L2Norm starts it at 20)",
  paper = "Liu et al. 2015, arXiv:1512.02325",
  -- Epsilon is the least length, as in torch.nn.functional.normalize.
  hyper = {
    epsilon = norm.real { 1e-12, min = 0, doc = "the least length" },
    initial = norm.real { 1, doc = "the gain to start from" } },
  param = { gamma = norm.per_channel { "initial" } },
  forward = function(x, s) return x / x:norm(2, "channel"):max(s.epsilon) * s.gamma end,
})

-- Values of another hand: torch.nn.functional.normalize, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.l2():apply(x, { mode = "train", param = { gamma = 2 } })
  expect.close(y, tensor { { { 0.5298129, -1.059626, 1.589439, 0.2649065 }, { 0, 0.8164966, -0.8164966, 1.632993 } },
    { { 1.912366, 0.2390457, -0.2390457, 0.4780914 }, { -1.603567, 1.069045, 0.5345225, 0 } } }, 2e-5)
end)
