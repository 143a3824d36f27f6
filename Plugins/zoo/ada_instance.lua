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

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.ada_instance():apply(x, { mode = "train",
    input = { style = tensor { { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } }, { { 0.75, 0, 0.5, 0.5 }, { 0.5, 0.5, 0.75, 1 } } } } })
  expect.close(y, tensor { { { 0.003162214, 0.2499603, 0.7500398, 0.2499611 }, { -0.003162214, 0.5000397, 0.4999602, 0.5000389 } },
    { { 0.7500399, -1.777683e-05, 0.4999611, 1.000015 }, { 0.4999601, 0.5000178, 0.7500389, 0.499985 } } }, 2e-5)
end)
