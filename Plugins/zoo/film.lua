norm.define("film", {
  doc = "feature-wise linear modulation: a gain and a shift for each sample and channel",
  paper = "Perez et al. 2017, arXiv:1709.07871",
  input = { gain = norm.input { "batch", "channel" }, shift = norm.input { "batch", "channel" } },
  forward = function(x, s) return x * s.gain + s.shift end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.film():apply(x, { mode = "train",
    input = { gain = tensor { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } }, shift = tensor { { 0.75, 0, 0.5, 0.5 }, { 0.5, 0.5, 0.75, 1 } } } })
  expect.close(y, tensor { { { 0.75, -0.5, 2.75, 0.75 }, { 0.75, 0.25, -0.25, 1.5 } },
    { { 0.5, 0.75, 0.5, 1.25 }, { 0.5, 1.5, 1.25, 1 } } }, 2e-5)
end)
