-- What a transformer learns without statistics: dynamic tanh in place of the norms, and no norm at all.
-- Zhu et al. 2025, Transformers without Normalization, arXiv:2503.10622: LLaMA 7B, loss 1.59 with RMS norm, 1.60
-- with DyT.
-- Here: a pre-norm transformer on the characters of the Jargon File, 300 steps at two rates, two seeds.
--   scripts/norma run scripts/experiments/norm-free.lua --jobs 2
require "models"

local r = experiment { name = "norm free", model = "gpt", data = dataset "jargon-text" {},
  sweep = { { "norm", { "rms", "dyt", "none" } }, { "rate", { 1e-3, 3e-3 } }, { "seed", { 1, 2 } } },
  train = { steps = 300, batch = 16, optimizer = optim.adamw { rate = 3e-3 } },
  watch = { "val_loss" } }
print(r:table { rows = "norm", columns = "rate", value = "val_loss" })
local function loss(norm, rate) return r:mean { value = "val_loss", at = { norm = norm, rate = rate } }.mean end
local gap, none = loss("dyt", 1e-3) / loss("rms", 1e-3) - 1, loss("none", 3e-3)
print(string.format("%s: DyT's loss at 1e-3 is %+.1f %% away from RMS norm's (paper: +0.6 %%); without a norm, at 3e-3: %s.",
  math.abs(gap) <= 0.05 and "The claim holds within 5 %" or "The claim does not hold here", 100 * gap,
  none ~= none and "it diverges"
  or string.format("%.2f, with RMS norm %.2f: four layers train as well without", none, loss("rms", 3e-3))))
