norm.define("deep_layer", {
  doc = "DeepNorm: layer norm of alpha times the skip plus what the layers made of it",
  paper = "Wang et al. 2022, arXiv:2203.00555",
  -- For a decoder of L layers alpha = (2L)^(1/4), and gain = (8L)^(-1/4) of its layers' first weights:
  -- nn.branch { name = "h" }, nn.attention { ..., gain = g }, nn.norm { "deep_layer", skip = "h", alpha = a }.
  hyper = { alpha = norm.real { 1, above = 0, doc = "the weight of the skip" },
            epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  input = { skip = norm.input { doc = "what went into the layers" } },
  param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
  forward = function(x, s)
    -- Deviations apart: of a sum, what is small beside the mean would be lost.
    local t = s.alpha * (s.skip - s.skip:mean("channel")) + (x - x:mean("channel"))
    return t * (t:mean_square("channel") + s.epsilon):rsqrt() * s.gamma + s.beta
  end,
})

-- Values of another hand: torch.nn.functional.layer_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.deep_layer { alpha = 1.5 }:apply(x, { mode = "train", param = { gamma = 2, beta = -1 },
    input = { skip = tensor { { { 0, 0.25, 0.75, 0.5 }, { 0, 0.5, 0.5, 0.25 } }, { { 0.75, 0, 0.5, 0.5 }, { 0.5, 0.5, 0.75, 1 } } } } })
  expect.close(y, tensor { { { -1.184201, -3.763022, 1.885823, -0.9385995 }, { -2.730919, 0.395902, -3.177607, 1.512624 } },
    { { 2.312681, -2.447288, -2.704583, -1.16081 }, { -4.373517, 0.7670802, 0.1245056, -0.518069 } } }, 2e-5)
end)
