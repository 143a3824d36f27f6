norm.define("sphere_step", {
  doc = "nGPT: a step on the unit sphere from the skip towards what the layers made of it",
  paper = "Loshchilov et al. 2024, arXiv:2410.01131",
  -- alpha is kept as it is; nGPT keeps it times 1 / (0.05 sqrt(channels)), which makes its steps larger.
  -- The skip has unit length already; alpha counts by its size.
  hyper = { epsilon = norm.real { 1e-12, above = 0, doc = "the least length" } },
  input = { skip = norm.input { doc = "what went into the layers" } },
  param = { alpha = norm.per_channel { 0.05 } },
  forward = function(x, s)
    local h = s.skip + s.alpha:abs() * (x / x:norm(2, "channel"):max(s.epsilon) - s.skip)
    return h / h:norm(2, "channel"):max(s.epsilon)
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.sphere_step():apply(x, { mode = "train", param = { alpha = 0.75 },
    input = { skip = tensor { { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } }, { { 0.75, 0, 0.5, 0.5 }, { 0.5, 0.5, 0.75, 1 } } } } })
  expect.close(y, tensor { { { 0.2199602, -0.3707261, 0.8674634, 0.2483687 }, { 0, 0.5251333, -0.2206632, 0.8219141 } },
    { { 0.9430248, 0.09344605, 0.03685824, 0.3171964 }, { -0.5627538, 0.6212979, 0.4583261, 0.2953544 } } }, 2e-5)
end)
