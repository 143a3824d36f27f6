norm.define("evonorm_s1", {
  doc = "EvoNorm-S1: relu(x) over the deviation of a group",
  paper = "Liu et al. 2020, arXiv:2004.02967; activation as in timm EvoNorm2dS1",
  hyper = {
    groups = norm.int { 32, min = 1, divides = "channel", doc = "groups of channels" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    x = x:group(s.groups)
    return x:max(0) * (x:variance("member", "space") + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.evonorm_s1 { groups = 2 }:apply(x, { mode = "train", param = { gamma = 2, beta = -1 } })
  expect.close(y, tensor { { { 0.6329877, -1, 2.958965, -0.3401726 }, { -1, 0.6329877, -1, 1.63931 } },
    { { 2.126602, -0.6091747, -1, 2.079165 }, { -1, 0.5633011, 2.079165, -1 } } }, 2e-5)
end)
