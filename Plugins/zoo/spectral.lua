norm.define("spectral", {
  doc = "spectral norm: weights over their largest singular value, by one power iteration a step",
  paper = "Miyato et al. 2018, arXiv:1802.05957",
  on = "weight",
  -- For weight_norm in nn.conv and nn.linear. u starts at ones, not at random; v is not kept but made of
  -- u. The singular vectors are held fixed in the gradient, as in the paper.
  gradient = "partial",
  hyper = { epsilon = norm.real { 1e-12, above = 0, doc = "the least length of a vector" } },
  buffer = { u = norm.per_channel { 1 } },
  forward = function(w, s, mode)
    local v = (w * s.u):sum("channel")
    v = (v / v:norm(2, "batch", "space"):max(s.epsilon)):stop()
    local u = s.u / s.u:norm(2, "channel"):max(s.epsilon)
    if mode.train then
      u = (w * v):sum("batch", "space")
      u = (u / u:norm(2, "channel"):max(s.epsilon)):stop()
      s.u:track(u, 1)
    end
    return w / (w * v * u):sum("batch", "space", "channel"):max(s.epsilon)
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.spectral():apply(x, { mode = "train", buffer = { u = 1.25 } })
  expect.close(y, tensor { { { 0.2383344, -0.4766689, 0.7150033, 0.1191672 }, { 0, 0.2383344, -0.2383344, 0.4766689 } },
    { { 0.9533377, 0.1191672, -0.1191672, 0.2383344 }, { -0.7150033, 0.4766689, 0.2383344, 0 } } }, 2e-5)
end)
