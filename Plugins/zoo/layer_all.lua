norm.define("layer_all", {
  doc = "layer norm over space and channels of each sample: group norm of one group",
  paper = "Ba, Kiros & Hinton 2016, arXiv:1607.06450; timm GroupNorm1",
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  claims = { statistics = { "channel", "space" }, epsilon = "inside" },
  forward = function(x, s)
    local c = x - x:mean("space", "channel")
    return c * (x:variance("space", "channel") + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})

-- Values of another hand: torch.nn.functional.group_norm with one group, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.layer_all():apply(x, { mode = "train", param = { gamma = 2, beta = -1 } })
  expect.close(y, tensor { { { -0.4120566, -4.443669, 2.275685, -1.083992 }, { -1.755927, -0.4120566, -3.099798, 0.9318141 } },
    { { 2.584101, -1.132744, -2.1947, -0.6017666 }, { -4.84959, 0.4601892, -0.6017666, -1.663722 } } }, 2e-5)
end)
