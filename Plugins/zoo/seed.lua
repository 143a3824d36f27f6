norm.define("seed", {
  doc = "SeeDNorm: RMS norm whose gain depends on the row, through a bounded weighted sum",
  paper = "Cai et al. 2025, arXiv:2510.22777",
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added under the root" } },
  param = {
    alpha = norm.per_channel { 1 }, weight = norm.per_channel { 0, role = "weight" },
    gamma = norm.per_channel { 1 } },
  forward = function(x, s)
    local gain = (x * s.weight):sum("channel"):tanh() * s.alpha + s.gamma
    return gain * x * ((x^2):mean("channel") + s.epsilon):rsqrt()
  end,
})
