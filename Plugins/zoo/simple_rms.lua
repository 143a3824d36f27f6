norm.define("simple_rms", {
  doc = "RMS norm without parameters: x over its length, times sqrt(channels)",
  paper = "Qin et al. 2023, arXiv:2307.14995 (TransNormerLLM)",
  -- Epsilon is the least length.
  hyper = { epsilon = norm.real { 1e-12, min = 0, doc = "the least length" } },
  claims = { statistics = { "channel" } },
  forward = function(x, s)
    return x / x:norm(2, "channel"):max(s.epsilon) * x:count("channel"):sqrt()
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.simple_rms():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.5298129, -1.059626, 1.589439, 0.2649065 }, { 0, 0.8164966, -0.8164966, 1.632993 } },
    { { 1.912366, 0.2390457, -0.2390457, 0.4780914 }, { -1.603567, 1.069045, 0.5345225, 0 } } }, 2e-5)
end)
