norm.define("evonorm_s0", {
  doc = "EvoNorm-S0: x sigmoid(v x) over the deviation of a group; norm and activation in one",
  paper = "Liu et al. 2020, arXiv:2004.02967",
  hyper = {
    groups = norm.int { 32, min = 1, divides = "channel", doc = "groups of channels" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  param = {
    v = norm.per_channel { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    x = x:group(s.groups)
    local deviation = (x:variance("member", "space") + s.epsilon):sqrt()
    return x * (s.v * x):sigmoid() / deviation * s.gamma + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.evonorm_s0 { groups = 2 }:apply(x, { mode = "train", param = { gamma = 2, beta = -1, v = 0.5 } })
  expect.close(y, tensor { { { 0.01646844, -1.878356, 2.236748, -0.6290605 }, { -1, 0.01646844, -1.498223, 0.92949 } },
    { { 1.753902, -0.7802872, -1.674065, 0.916655 }, { -1.427779, 0.1428647, 0.916655, -1 } } }, 2e-5)
end)
