norm.define("message", {
  doc = "a message scaled to the length of the features it is added to, times a learned scale",
  paper = "Li et al. 2020, arXiv:2006.07739",
  input = { features = norm.input() },
  hyper = { epsilon = norm.real { 1e-12, above = 0, doc = "the least length" } },
  param = { scale = norm.scalar { 1 } },
  forward = function(x, s)
    local length = x:norm(2, "channel"):max(s.epsilon)
    return x / length * s.features:norm(2, "channel") * s.scale
  end,
})

-- Values of another hand: torch.nn.functional.normalize, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.message():apply(x, { mode = "train", param = { scale = 1.25 },
    input = { features = tensor { { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } }, { { 0.75, 0, 0.5, 0.5 }, { 0.5, 0.5, 0.75, 1 } } } } })
  expect.close(y, tensor { { { 0.3097466, -0.6194933, 0.9292399, 0.1548733 }, { 0, 0.3827328, -0.3827328, 0.7654655 } },
    { { 1.232013, 0.1540017, -0.1540017, 0.3080034 }, { -1.439343, 0.9595618, 0.4797809, 0 } } }, 2e-5)
end)
