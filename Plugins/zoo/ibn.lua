norm.define("ibn", {
  doc = "instance norm on the first half of the channels, batch norm on the second (IBN-a)",
  paper = "Pan et al. 2018, arXiv:1807.09441",
  -- Running statistics are kept for all channels; those of the first half are not used.
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
  claims = { correction = 1 },
  forward = function(x, s, mode)
    local n = x:size("channel")
    local half = math.max(1, n // 2)
    local mean, variance = s.mean, s.variance
    if mode.train then
      mean, variance = x:mean("batch", "space"), x:variance("batch", "space")
      s.mean:track(mean, s.momentum)
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    local instance = (x - x:mean("space")) * (x:variance("space") + s.epsilon):rsqrt()
    local batch = (x - mean) * (variance + s.epsilon):rsqrt()
    if half == n then return instance * s.gamma + s.beta end
    return concat(instance:slice("channel", 1, half), batch:slice("channel", half + 1, n)) * s.gamma
      + s.beta
  end,
})

-- Values of another hand: torch.nn.functional.instance_norm and batch_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.ibn():apply(x, { mode = "train", param = { gamma = 2, beta = -1 },
    buffer = { mean = 0.35, variance = 1.25 } })
  expect.close(y, tensor { { { 0.99996, -2.999996, 2.052227, -2.014176 }, { -2.99996, 0.9999956, -3.088366, 2.042527 } },
    { { 0.9999992, -2.999982, -2.445792, -0.6619414 }, { -2.999999, 0.9999822, -0.5180694, -3.36641 } } }, 2e-5)
end)
