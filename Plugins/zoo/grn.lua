norm.define("grn", {
  doc = "global response norm: a channel's length in space over the mean of all channels', gated in",
  paper = "Woo et al. 2023, arXiv:2301.00808",
  -- Epsilon is added to the mean of lengths. Both parameters start at 0: the norm starts as nothing.
  hyper = { epsilon = norm.real { 1e-6, above = 0, doc = "added to the mean length" } },
  param = {
    gamma = norm.per_channel { 0, role = "gain" }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    local n = x:norm(2, "space")
    return x + s.beta + s.gamma * x * (n / (n:mean("channel") + s.epsilon))
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.grn():apply(x, { mode = "train", param = { gamma = 2, beta = -1 } })
  expect.close(y, tensor { { { 0.9456374, -7.229019, 10.9711, 0.4747407 }, { -1, 2.114509, -4.990368, 4.898963 } },
    { { 20.42997, 0.3983201, -1.987182, 0.8714985 }, { -17.07248, 4.593281, 0.974365, -1 } } }, 2e-5)
end)
