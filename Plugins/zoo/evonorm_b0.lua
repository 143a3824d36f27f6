norm.define("evonorm_b0", {
  doc = "EvoNorm-B0: x over the larger of the batch's deviation and v x + the instance's",
  paper = "Liu et al. 2020, arXiv:2004.02967",
  -- Momentum and unbiased running variance as in timm.
  hyper = {
    epsilon = norm.real { 1e-3, min = 0, doc = "added to both variances" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new variance" } },
  param = {
    v = norm.per_channel { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { variance = norm.per_channel { 1 } },
  forward = function(x, s, mode)
    local variance = s.variance
    if mode.train then
      variance = x:variance("batch", "space")
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    local instance = (x:variance("space") + s.epsilon):sqrt()
    return x / (variance + s.epsilon):sqrt():max(s.v * x + instance) * s.gamma + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.evonorm_b0():apply(x, { mode = "train", param = { gamma = 2, beta = -1, v = 0.5 },
    buffer = { variance = 1.25 } })
  expect.close(y, tensor { { { -0.200064, -3.71358, 0.7141633, -0.0006659269 }, { -1, -0.0001666204, -2.284886, 1.284844 } },
    { { 0.4545077, -0.321605, -1.642443, 0.998004 }, { -3.399808, 1.284844, 0.2848857, -1 } } }, 2e-5)
end)
