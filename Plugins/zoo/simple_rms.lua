norm.define("simple_rms", {
  doc = "RMS norm without parameters: x over its length, times sqrt(channels)",
  paper = "Qin et al. 2023, arXiv:2307.14995 (TransNormerLLM)",
  -- Epsilon is the least length.
  hyper = { epsilon = norm.real { 1e-12, min = 0, doc = "the least length" } },
  claims = { statistics = { "channel" } },
  forward = function(x, s)
    return x / x:norm(2, "channel"):max(s.epsilon) * x:count("channel"):sqrt()
  end,
})
