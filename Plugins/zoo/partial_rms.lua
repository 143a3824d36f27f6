norm.define("partial_rms", {
  doc = "RMS norm whose root mean square is that of the first channels only (pRMSNorm)",
  paper = "Zhang & Sennrich 2019, arXiv:1910.07467, section 4",
  -- epsilon is added to the root, as in the authors' code. They look at 6.25 % of the channels.
  hyper = {
    part = norm.int { 16, min = 1, doc = "the first of so many parts of the channels is looked at" },
    epsilon = norm.real { 1e-8, min = 0, doc = "added to the root mean square" } },
  param = { gamma = norm.per_channel { 1 } },
  claims = { statistics = { "channel" }, epsilon = "outside" },
  forward = function(x, s)
    local first = math.max(1, x:size("channel") // s.part)
    local rms = x:slice("channel", 1, first):mean_square("channel"):sqrt()
    return x / (rms + s.epsilon) * s.gamma
  end,
})
