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
