-- The steps that scripts/bench --training times; the model is scripts/experiments/models.lua's.
experiment { name = "gpt", model = "gpt", data = dataset "jargon-text" { validate = 4096 },
  sweep = { { "norm", { "layer" } }, { "batch", { 16 } } },
  train = { epochs = 1, optimizer = optim.adamw { rate = 1e-3 } },
  watch = { "step_ms" } }
