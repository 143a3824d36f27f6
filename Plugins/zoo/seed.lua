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

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.seed():apply(x, { mode = "train", param = { alpha = 0.75, weight = 0.25, gamma = 2 } })
  expect.close(y, tensor { { { 1.280001, -2.560003, 3.840004, 0.6400006 }, { 0, 1.91598, -1.91598, 3.831961 } },
    { { 5.041402, 0.6301753, -0.6301753, 1.260351 }, { -3.207134, 2.13809, 1.069045, 0 } } }, 2e-5)
end)
