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
    local rms = x:slice("channel", 1, first):norm(2, "channel") / math.sqrt(first)
    return x / (rms + s.epsilon) * s.gamma
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.partial_rms { part = 2 }:apply(x, { mode = "train", param = { gamma = 2 } })
  expect.close(y, tensor { { { 1.264911, -2.529822, 3.794733, 0.6324555 }, { 0, 2.828427, -2.828427, 5.656854 } },
    { { 2.806586, 0.3508232, -0.3508232, 0.7016464 }, { -2.353394, 1.568929, 0.7844645, 0 } } }, 2e-5)
end)
