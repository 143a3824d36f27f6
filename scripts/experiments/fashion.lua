-- All of Fashion-MNIST: 60,000 images to train on, 3 epochs, and the accuracy on the 10,000 test
-- images for each norm. Some minutes on two cores; one norm alone: --set norm=batch
--   scripts/norma run scripts/experiments/fashion.lua
require "models"

local norms = { "batch", "layer", norm.group { groups = 8 }, "rms", "none" }
-- On vectors, instance has one value a statistic and is refused: it is for images.
local imageNorms = { "batch", "layer", norm.group { groups = 8 }, "instance", "rms", "none" }

local function compare(network, norms)
  return experiment { name = network .. " on fashion-mnist", model = network,
    data = dataset "fashion-mnist" {}, test = true,
    sweep = { { "norm", norms } },
    train = { epochs = 3, batch = 128, optimizer = optim.sgd { rate = 0.1, momentum = 0.9 },
      schedule = schedule.cosine() },
    watch = { "test_accuracy", "test_loss", "train_loss", "step_ms" } }
end

local mlp, cnn = compare("mlp", norms), compare("cnn", imageNorms)
print("MLP 784-256-256-10"); print(mlp); print()
print("CNN 32-64-128-10"); print(cnn)
