norm.define("pair", {
  doc = "PairNorm: rows of a batch are centred and share one mean length",
  paper = "Zhao & Akoglu 2019, arXiv:1909.12223",
  -- The batch and space together are the nodes of a graph.
  hyper = {
    scale = norm.real { 1, above = 0, doc = "the root mean square length of a row" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added under the root" } },
  claims = { infer = "batch" },
  forward = function(x, s)
    local c = x - x:mean("batch", "space")
    return s.scale * c * ((c^2):sum("channel"):mean("batch", "space") + s.epsilon):rsqrt()
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.pair():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.1481481, -0.7037034, 0.7037034, -0.1111111 }, { -0.1481481, 0.1851851, -0.4814813, 0.3333332 } },
    { { 1.037037, 0.03703702, -0.3333332, 0.03703702 }, { -1.037037, 0.4814813, 0.1111111, -0.2592591 } } }, 2e-5)
end)
