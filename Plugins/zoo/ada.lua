norm.define("ada", {
  doc = "AdaNorm: layer norm times a gain that falls with the value and gets no gradient",
  paper = "Xu et al. 2019, arXiv:1911.07013",
  gradient = "partial",
  hyper = {
    c = norm.real { 1, above = 0, doc = "the gain at 0" },
    k = norm.real { 0.1, min = 0, doc = "how fast the gain falls" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  forward = function(x, s)
    local y = (x - x:mean("channel")) * (x:variance("channel") + s.epsilon):rsqrt()
    return s.c * (1 - s.k * y):stop() * y
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.ada():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.2061249, -1.691149, 1.155705, -0.07067874 }, { -0.4672116, 0.427212, -1.521634, 1.161637 } },
    { { 1.370892, -0.4672127, -1.152385, -0.1512931 }, { -1.860707, 0.9547581, 0.5059504, 0 } } }, 2e-5)
end)
