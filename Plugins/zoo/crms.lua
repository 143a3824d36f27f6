norm.define("crms", {
  doc = "compressed RMS norm: RMS norm of d values of which the last, minus the sum of the others,"
    .. " is not stored",
  paper = "Jiang et al. 2023, arXiv:2305.14858",
  hyper = { epsilon = norm.real { 1e-8, min = 0, doc = "added under the root" } },
  forward = function(x, s)
    local squares = (x^2):sum("channel") + x:sum("channel")^2
    return x * (squares / (x:count("channel") + 1) + s.epsilon):rsqrt()
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.crms():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.4938648, -0.9877296, 1.481594, 0.2469324 }, { 0, 0.7071068, -0.7071068, 1.414214 } },
    { { 1.371989, 0.1714986, -0.1714986, 0.3429972 }, { -1.792843, 1.195229, 0.5976143, 0 } } }, 2e-5)
end)
