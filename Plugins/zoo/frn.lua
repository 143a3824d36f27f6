norm.define("frn", {
  doc = "filter response norm with its thresholded linear unit: no centre, a learned threshold",
  paper = "Singh & Krishnan 2019, arXiv:1911.09737",
  -- As for maps larger than one position: epsilon is not learned.
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added under the root" } },
  param = {
    gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 }, tau = norm.per_channel { 0 } },
  forward = function(x, s)
    local y = x * ((x^2):mean("space") + s.epsilon):rsqrt() * s.gamma + s.beta
    return y:max(s.tau)
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.frn():apply(x, { mode = "train", param = { gamma = 2, beta = -1, tau = -0.25 } })
  expect.close(y, tensor { { { 1.828424, -0.25, 1.683281, -0.25 }, { -0.25, 0.2649108, -0.25, 1.743977 } },
    { { 1.262742, -0.25, -0.25, 1.828424 }, { -0.25, 1.743977, 1.52982, -0.25 } } }, 2e-5)
end)
