norm.define("evonorm_b1", {
  doc = "EvoNorm-B1: x over the larger of the batch's deviation and (x + 1) times the instance's size",
  paper = "Liu et al. 2020, arXiv:2004.02967",
  -- Momentum and unbiased running variance as in timm; the size is a root mean square.
  hyper = {
    epsilon = norm.real { 1e-5, min = 0, doc = "added under both roots" },
    momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new variance" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  buffer = { variance = norm.per_channel { 1 } },
  forward = function(x, s, mode)
    local variance = s.variance
    if mode.train then
      variance = x:variance("batch", "space")
      s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
    end
    local rms = ((x^2):mean("space") + s.epsilon):sqrt()
    return x / (variance + s.epsilon):sqrt():max((x + 1) * rms) * s.gamma + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.evonorm_b1():apply(x, { mode = "train", param = { gamma = 2, beta = -1 },
    buffer = { variance = 1.25 } })
  expect.close(y, tensor { { { -0.2000006, -3.714198, -0.3291803, -0.5426715 }, { -1, -0.3675457, -2.285148, -0.08534303 } },
    { { -0.5474518, -0.5426715, -1.642574, 0.4141994 }, { -3.399998, -0.08534303, 0.2649009, -1 } } }, 2e-5)
end)
