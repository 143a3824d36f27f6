norm.define("rms_offset", {
  doc = "RMS norm whose gain is stored minus one (Gemma), so that weight decay pulls it to one",
  paper = "Gemma Team 2024, arXiv:2403.08295",
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added under the root" } },
  param = { gamma = norm.per_channel { 0, role = "gain" } },
  claims = { statistics = { "channel" }, epsilon = "inside" },
  forward = function(x, s) return x * ((x^2):mean("channel") + s.epsilon):rsqrt() * (1 + s.gamma) end,
})
