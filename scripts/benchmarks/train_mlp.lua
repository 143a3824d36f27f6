-- The steps that scripts/bench --training times; the model is scripts/experiments/models.lua's.
experiment { name = "mlp", model = "mlp", data = dataset "fashion-mnist" { train = 12800 },
  sweep = { { "norm", { "batch" } }, { "batch", { 128 } } },
  train = { epochs = 1, optimizer = optim.sgd { rate = 0.05, momentum = 0.9 } },
  watch = { "step_ms" } }
