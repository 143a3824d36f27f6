norm.define("crms", {
  doc = "compressed RMS norm: RMS norm of d values of which the last, minus the sum of the others,"
    .. " is not stored",
  paper = "Jiang et al. 2023, arXiv:2305.14858",
  hyper = { epsilon = norm.real { 1e-8, min = 0, doc = "added under the root" } },
  forward = function(x, s)
    local squares = (x^2):sum("channel") + x:sum("channel")^2
    return x * (squares / (x:count("channel") + 1) + s.epsilon):rsqrt()
  end,
})
