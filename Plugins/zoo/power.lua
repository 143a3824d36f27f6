norm.define("power", {
  doc = "power norm: x over a running root mean square, with a running correction of the gradient",
  paper = "Shen et al. 2020, arXiv:2003.07845, algorithm 2",
  -- The gradient is the paper's, not the derivative. Without the authors' warm-up on batch statistics.
  gradient = "own",
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the mean square" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new statistics" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { square = norm.per_channel { 1 }, drift = norm.per_channel { 0 } },
  forward = function(x, s, mode)
    if mode.train then s.square:track(x:mean_square("batch", "space"), s.momentum) end
    return x * (s.square + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
  backward = function(x, dy, s, mode)
    local r = (s.square + s.epsilon):rsqrt()
    local z, g = x * r, dy * s.gamma
    if mode.train then
      local square, along = z:mean_square("batch", "space"), (g * z):mean("batch", "space")
      s.drift:track(along + s.drift * (1 - square), s.momentum)
      g = g - s.drift * z
    end
    return g * r
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.power():apply(x, { mode = "train", param = { gamma = 2, beta = -1 },
    buffer = { square = 1.25, drift = 0.25 } })
  expect.close(y, tensor { { { 0.7888472, -4.577694, 4.366542, -0.1055764 }, { -1, 0.7888472, -2.788847, 2.577694 } },
    { { 6.155389, -0.1055764, -1.894424, 0.7888472 }, { -6.366542, 2.577694, 0.7888472, -1 } } }, 2e-5)
end)
