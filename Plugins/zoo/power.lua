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
