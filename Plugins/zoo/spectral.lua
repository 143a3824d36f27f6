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
    return w / (w * v * u):sum("batch", "space", "channel")
  end,
})
