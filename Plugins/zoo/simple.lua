norm.define("simple", {
  doc = "x over its deviation, not centred (timm's SimpleNorm, once called RmsNorm)",
  paper = "timm SimpleNorm; huggingface/pytorch-image-models#2380",
  -- The variance is divided by N - 1.
  hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the variance" } },
  param = { gamma = norm.per_channel { 1 } },
  forward = function(x, s)
    return x * (x:variance("channel", { correction = 1 }) + s.epsilon):rsqrt() * s.gamma
  end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.simple():apply(x, { mode = "train", param = { gamma = 2 } })
  expect.close(y, tensor { { { 0.972529, -1.945058, 2.917587, 0.4862645 }, { 0, 1.549193, -1.549193, 3.098386 } },
    { { 4.131182, 0.5163977, -0.5163977, 1.032795 }, { -2.77746, 1.85164, 0.92582, 0 } } }, 2e-5)
end)
