norm.define("ada_instance", {
  doc = "instance norm to the statistics of a style tensor (AdaIN)",
  paper = "Huang & Belongie 2017, arXiv:1703.06868",
  -- The authors' code divides by N - 1; this is the population variance, as in the paper's formula.
  input = { style = norm.input() },
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to both variances" } },
  forward = function(x, s)
    local scale = (s.style:variance("space") + s.epsilon):sqrt()
    return (x - x:mean("space")) * (x:variance("space") + s.epsilon):rsqrt() * scale
      + s.style:mean("space")
  end,
})
