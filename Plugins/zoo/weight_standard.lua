norm.define("weight_standard", {
  doc = "weight standardization: each output's weights with zero mean and unit variance",
  paper = "Qiao et al. 2019, arXiv:1903.10520",
  on = "weight",
  -- For weight_norm = "weight_standard" in nn.conv and nn.linear. epsilon as in timm's StdConv2d.
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the variance" } },
  claims = { statistics = { "space" }, epsilon = "inside" },
  forward = function(w, s)
    return (w - w:mean("space")) * (w:variance("space") + s.epsilon):rsqrt()
  end,
})
