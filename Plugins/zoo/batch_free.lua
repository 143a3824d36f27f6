norm.define("batch_free", {
  doc = "batch norm without scale and shift and with equal statistics in both modes: for probing",
  paper = "Ioffe & Szegedy 2015, arXiv:1502.03167, with transductive inference",
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  claims = { infer = "batch" },
  forward = function(x, s)
    return (x - x:mean("batch", "space")) * (x:variance("batch", "space") + s.epsilon):rsqrt()
  end,
})
