norm.define("rms_outside", {
  doc = "RMS norm with epsilon outside the root, as its authors wrote it",
  paper = "Zhang & Sennrich 2019, arXiv:1910.07467",
  hyper = { epsilon = norm.real { 1e-8, min = 0, doc = "added to the root mean square" } },
  param = { gamma = norm.per_channel { 1 } },
  claims = { statistics = { "channel" }, epsilon = "outside" },
  forward = function(x, s) return x / ((x^2):mean("channel"):sqrt() + s.epsilon) * s.gamma end,
})
