norm.define("mean_only", {
  doc = "mean-only batch norm: the batch's mean is subtracted, nothing is scaled",
  paper = "Salimans & Kingma 2016, arXiv:1602.07868",
  hyper = { momentum = norm.real { 0.1, min = 0, max = 1, doc = "weight of the new mean" } },
  param = { beta = norm.per_channel { 0 } },
  buffer = { mean = norm.per_channel { 0 } },
  forward = function(x, s, mode)
    local mean = s.mean
    if mode.train then
      mean = x:mean("batch", "space")
      s.mean:track(mean, s.momentum)
    end
    return x - mean + s.beta
  end,
})
