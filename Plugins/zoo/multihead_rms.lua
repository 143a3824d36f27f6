norm.define("multihead_rms", {
  doc = "root mean square of each head's part of the channels, a gain of its own for each",
  paper = "Dehghani et al. 2023, arXiv:2302.05442",
  -- For queries and keys of all heads side by side; the gain is 1 + gamma.
  hyper = { heads = norm.int { 2, min = 1, divides = "channel", doc = "how many heads" },
            epsilon = norm.real { 1e-6, above = 0, doc = "added under the root" } },
  param = { gamma = norm.per_channel { 0 } },
  forward = function(x, s)
    local h = x:group(s.heads)
    return h * (h:mean_square("member") + s.epsilon):rsqrt() * (1 + s.gamma)
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.multihead_rms { heads = 2 }:apply(x, { mode = "train", param = { gamma = 2 } })
  expect.close(y, tensor { { { 1.897366, -3.794732, 4.184915, 0.6974858 }, { 0, 4.242636, -1.897366, 3.794732 } },
    { { 4.209878, 0.5262348, -1.897365, 3.79473 }, { -3.53009, 2.353393, 4.242636, 0 } } }, 2e-5)
end)
