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
