norm.define("pair_individual", {
  doc = "PairNorm-SI: rows of a batch are centred, each gets the same length",
  paper = "Zhao & Akoglu 2019, arXiv:1909.12223",
  -- Epsilon is added to the length.
  hyper = {
    scale = norm.real { 1, above = 0, doc = "the length of a row" },
    epsilon = norm.real { 1e-5, min = 0, doc = "added to the length" } },
  claims = { infer = "batch" },
  forward = function(x, s)
    local c = x - x:mean("batch", "space")
    return s.scale * c / (c:norm(2, "channel") + s.epsilon)
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.pair_individual():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.1463519, -0.6951716, 0.6951716, -0.1097639 }, { -0.2344831, 0.2931038, -0.7620699, 0.5275869 } },
    { { 0.9509273, 0.03396169, -0.3056552, 0.03396169 }, { -0.8806054, 0.4088525, 0.09435058, -0.2201514 } } }, 2e-5)
end)
