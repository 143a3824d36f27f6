norm.define("divisive", {
  doc = "divisive norm: centred and scaled by a window over space and all channels",
  paper = "Ren et al. 2017, arXiv:1611.04520",
  -- sigma squared is added under the root. At the edges the mean is over what there is.
  hyper = {
    size = norm.int { 5, min = 1, doc = "positions of a window along each axis" },
    sigma = norm.real { 1, min = 0, doc = "its square is added to the mean square" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    local c = x - x:mean("channel"):window("space", s.size, { mean = true })
    local square = (c ^ 2):mean("channel"):window("space", s.size, { mean = true })
    return c / (s.sigma ^ 2 + square):sqrt() * s.gamma + s.beta
  end,
})

-- Values of another hand: torch.nn.functional.avg_pool1d for the windows, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.divisive { size = 3 }:apply(x, { mode = "train", param = { gamma = 2, beta = -1 } })
  expect.close(y, tensor { { { -0.5119907, -3.85834, 1.718909, -1.069716 }, { -1.627441, -0.5119907, -2.74289, 0.6034592 } },
    { { 2.165536, -1.117242, -2.055179, -0.6482738 }, { -4.40002, 0.2896628, -0.6482738, -1.58621 } } }, 2e-5)
end)
