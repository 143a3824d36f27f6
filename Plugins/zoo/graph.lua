norm.define("graph", {
  doc = "GraphNorm: batch statistics whose mean is subtracted in part, as learned",
  paper = "Cai et al. 2020, arXiv:2009.03294",
  -- One graph a tensor: batch and space together are its nodes; no running statistics.
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the mean square" } },
  param = {
    alpha = norm.per_channel { 1 }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  claims = { infer = "batch" },
  forward = function(x, s)
    local o = x - s.alpha * x:mean("batch", "space")
    return s.gamma * o * ((o^2):mean("batch", "space") + s.epsilon):rsqrt() + s.beta
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.graph():apply(x, { mode = "train", param = { gamma = 2, beta = -1, alpha = 0.75 } })
  expect.close(y, tensor { { { -0.5006242, -4.089637, 2.236758, -1.405217 }, { -1.299625, -0.02655263, -2.878119, 2.484867 } },
    { { 1.896379, -0.7037334, -2.238759, -0.1085225 }, { -3.696629, 1.327809, -0.3206804, -2.701912 } } }, 2e-5)
end)
