-- A first comparison: an MLP and a small CNN on Fashion-MNIST, with no norm and with each of four,
-- at a large batch and at a tiny one, two seeds each.
--   scripts/norma run scripts/experiments/first.lua
require "models"

local norms = { "none", "batch", "layer", norm.group { groups = 8 }, "rms" }
local images = dataset "fashion-mnist" { train = 4000, validate = 1000 }

local function compare(name, network, train)
  return experiment { name = name, model = network, data = images,
    sweep = { { "norm", norms }, { "batch", { 128, 2 } }, { "seed", { 1, 2 } } },
    train = { epochs = 2, optimizer = optim.sgd { rate = 0.05, momentum = 0.9 },
      schedule = schedule.cosine(), rate_scale = "linear" },
    watch = { "accuracy", "loss", "step_ms" } }
end

local mlp = compare("mlp", "mlp")
local cnn = compare("small cnn", "small_cnn")

print("MLP 784-256-256-10, validation on 1000 images")
print(mlp)
print()
print("CNN 8-16, validation on 1000 images")
print(cnn)
