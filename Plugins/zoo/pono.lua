norm.define("pono", {
  doc = "positional normalization: over the channels of each position, without parameters",
  paper = "Li et al. 2019, arXiv:1907.04312",
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  claims = { statistics = { "channel" }, epsilon = "inside" },
  forward = function(x, s)
    return (x - x:mean("channel")) * (x:variance("channel") + s.epsilon):rsqrt()
  end,
})

-- Values of another hand: torch.nn.functional.layer_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.pono():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.2105584, -1.473909, 1.333536, -0.07018613 }, { -0.4472118, 0.4472118, -1.341635, 1.341635 } },
    { { 1.63978, -0.4472128, -1.043497, -0.1490709 }, { -1.603565, 1.069043, 0.5345217, 1.112697e-17 } } }, 2e-5)
end)
