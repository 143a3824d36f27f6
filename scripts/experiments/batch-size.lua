-- Batch norm needs a batch: its error grows as batches shrink, that of norms within a sample does not.
-- Wu & He 2018, Group Normalization, arXiv:1803.08494, tables 1 to 3: ResNet-50 on ImageNet, error at
-- 32 | 2 images a worker: batch norm 23.6 % | 34.7 %, group norm 24.1 % | 24.1 %.
-- Here: three hidden layers on 4,000 images of Fashion-MNIST, the rate in proportion to the batch.
--   scripts/norma run scripts/experiments/batch-size.lua --jobs 2
require "models"

local norms = { "batch", "layer", norm.group { groups = 8 }, "rms" }
local r = experiment { name = "batch size", model = "deep_mlp",
  data = dataset "fashion-mnist" { train = 4000, validate = 2000 },
  sweep = { { "norm", norms }, { "batch", { 64, 16, 8, 4, 2 } }, { "seed", { 1, 2, 3 } } },
  train = { epochs = 3, optimizer = optim.sgd { rate = 0.1, momentum = 0.9 },
    schedule = schedule.cosine(), rate_scale = "linear" },
  watch = { "accuracy", "loss" } }
print(r:table { rows = "norm", columns = "batch", value = "accuracy", spread = "interval" })
print(r:compare { "batch", "layer", value = "accuracy", at = { batch = 2 } })

local function growth(norm)
  local function err(batch) return 1 - r:mean { at = { norm = norm, batch = batch } }.mean end
  return err(2) / err(64)
end
local batch, layer, group = growth "batch", growth "layer", growth "group"
print(string.format("error at batch 2 over error at 64: batch %.2f, layer %.2f, group %.2f (paper: batch 1.47, group 1.00)",
  batch, layer, group))
local holds = batch >= 1.8 and layer <= 1.15 and group <= 1.15
print((holds and "The claim holds: " or "The claim does not hold here as it was set (batch 1.8 or more, others 1.15 or less): ")
  .. "batch norm's error grows with small batches, that of layer and group norm "
  .. (math.max(layer, group) <= 1.15 and "does not." or "does too, less."))
