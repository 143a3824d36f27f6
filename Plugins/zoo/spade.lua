norm.define("spade", {
  doc = "batch norm with a gain and a shift for each element, made of a segmentation map",
  paper = "Park et al. 2019, arXiv:1903.07291",
  input = { gain = norm.input(), shift = norm.input() },
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  claims = { statistics = { "batch", "space" }, epsilon = "inside", correction = 1 },
  forward = function(x, s, mode)
    local mean, variance = s.mean, s.variance
    if mode.train then
      mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
      s.mean:track(mean, s.momentum)
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    return (x - mean) * (variance + s.epsilon):rsqrt() * (1 + s.gain) + s.shift
  end,
})

-- Values of another hand: torch.nn.functional.batch_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.spade():apply(x, { mode = "train", buffer = { mean = 0.35, variance = 1.25 },
    input = { gain = tensor { { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } }, { { 0.75, 0, 0.5, 0.5 }, { 0.5, 0.5, 0.75, 1 } } }, shift = tensor { { { 0.25, 0.75, 0.75, 0.25 }, { 0, 1, 0.25, 0.25 } }, { { 1, 0.5, 0.5, 0.75 }, { 0, 0.75, 0.25, 0 } } } } })
  expect.close(y, tensor { { { 0.4499998, -1.264444, 3.420699, -0.5106319 }, { -0.1999998, 1.63614, -1.316274, 2.15158 } },
    { { 3.449998, 0.5848187, -0.5843439, 1.003544 }, { -2.099998, 2.403965, 0.6716893, -2.36641 } } }, 2e-5)
end)
