-- A small GPT on the characters of the Jargon File: windows of 64 characters, 600 steps; the validation
-- loss is in nats a character. Some minutes on two cores.
--   scripts/norma run scripts/experiments/gpt.lua
--   scripts/norma run scripts/experiments/gpt.lua --set norm=layer --set place=post
--   scripts/norma run scripts/experiments/gpt.lua --set norm=rms --set place=deep     (see models.lua)
-- Any text will do: dataset "book.txt".
require "models"

print(experiment { name = "gpt on jargon-text", model = "gpt", data = dataset "jargon-text" {},
  sweep = { { "norm", { "rms", "layer" } } },
  train = { steps = 600, batch = 16, optimizer = optim.adamw { rate = 3e-3 },
    schedule = schedule.constant { warm_up = 100 } },
  watch = { "val_loss", "val_accuracy", "train_loss", "step_ms" } })
