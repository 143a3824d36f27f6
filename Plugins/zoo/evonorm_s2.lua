norm.define("evonorm_s2", {
  doc = "EvoNorm-S2: relu(x) over the root mean square of a group",
  paper = "Liu et al. 2020, arXiv:2004.02967; activation as in timm EvoNorm2dS2",
  hyper = {
    groups = norm.int { 32, min = 1, divides = "channel", doc = "groups of channels" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added under the root" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    x = x:group(s.groups)
    return x:max(0) * ((x^2):mean("member", "space") + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.evonorm_s2 { groups = 2 }:apply(x, { mode = "train", param = { gamma = 2, beta = -1 } })
  expect.close(y, tensor { { { 0.6329877, -1, 2.178873, -0.4701878 }, { -1, 0.6329877, -1, 1.119249 } },
    { { 1.958399, -0.6302001, -1, 1.666643 }, { -1, 0.4791995, 1.666643, -1 } } }, 2e-5)
end)
