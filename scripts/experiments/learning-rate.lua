-- Batch norm trains at rates at which the same network without a norm fails.
-- Ioffe & Szegedy 2015, arXiv:1502.03167, figure 3: with batch norm Inception trains at 30 times the rate;
-- without, 5 times the rate already diverges.
-- Here: a plain MLP on 6,000 images of Fashion-MNIST, SGD; a rate works when accuracy reaches 75 %.
--   scripts/norma run scripts/experiments/learning-rate.lua --jobs 2
require "models"

local rates = { 0.01, 0.03, 0.1, 0.3, 1, 3, 10 }
local r = experiment { name = "learning rate", model = "deep_mlp",
  data = dataset "fashion-mnist" { train = 6000, validate = 2000 },
  sweep = { { "norm", { "none", "batch", "layer", "rms" } }, { "rate", rates }, { "seed", { 1, 2, 3 } } },
  train = { epochs = 4, batch = 64, optimizer = optim.sgd { rate = 0.1, momentum = 0 } },
  watch = { "accuracy", "loss" } }
print(r:table { rows = "norm", columns = "rate", value = "accuracy" })

-- The largest rate at which every seed works.
local function largest(norm)
  local found = 0
  for _, rate in ipairs(rates) do
    local mean = r:mean { at = { norm = norm, rate = rate } }
    if mean.count == 3 and mean.mean - 2 * (mean.deviation or 0) >= 0.75 then found = rate end
  end
  return found
end
local none, batch, layer = largest "none", largest "batch", largest "layer"
print(string.format("largest rate that works: none %g, batch %g, layer %g", none, batch, layer))
print(none > 0 and batch >= 3 * none
  and string.format("The claim holds: batch norm trains at %g times the largest rate that works without it.", batch / none)
  or "The claim does not hold here: batch norm does not train at three times the rate or more.")
