norm.define("weight_length", {
  doc = "weight norm: each output's weights as a direction times a learned length",
  paper = "Salimans & Kingma 2016, arXiv:1602.07868",
  on = "weight",
  -- For weight_norm in nn.conv and nn.linear. The length starts where Norma's initial weights have it,
  -- at 1 / sqrt(3); PyTorch starts it at the length that the weights happen to have.
  hyper = { epsilon = norm.real { 1e-12, above = 0, doc = "the least length" } },
  param = { g = norm.per_channel { function() return 1 / math.sqrt(3) end } },
  forward = function(w, s) return w / w:norm(2, "space"):max(s.epsilon) * s.g end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.weight_length():apply(x, { mode = "train", param = { g = 1.5 } })
  expect.close(y, tensor { { { 1.5, -1.341641, 1.423025, 0.3638034 }, { 0, 0.6708204, -0.4743416, 1.455214 } },
    { { 1.2, 0.3638034, -0.6708204, 1.5 }, { -0.9, 1.455214, 1.341641, 0 } } }, 2e-5)
end)
