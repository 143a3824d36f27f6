-- RMS norm learns as well as layer norm: the mean need not be taken away.
-- Zhang & Sennrich 2019, arXiv:1910.07467, tables 2 to 5: BLEU 22.4 with RMS norm, 22.6 with layer norm.
-- Here: a pre-norm transformer on the characters of the Jargon File, 300 steps, three seeds.
--   scripts/norma run scripts/experiments/rms-vs-layer.lua --jobs 2
require "models"

local r = experiment { name = "rms vs layer", model = "gpt", data = dataset "jargon-text" {},
  sweep = { { "norm", { "layer", "rms" } }, { "seed", { 1, 2, 3 } } },
  train = { steps = 300, batch = 16, optimizer = optim.adamw { rate = 3e-3 },
    schedule = schedule.constant { warm_up = 100 } },
  watch = { "val_loss", "val_accuracy", "step_ms" } }
print(r)
local difference = r:compare { "layer", "rms", value = "val_loss" }
print(difference)
local share = difference.mean / r:mean { value = "val_loss", at = { norm = "layer" } }.mean
print(string.format("%s: rms norm's loss is %+.2f %% of layer norm's away from it (asked: within 1 %%).",
  math.abs(share) <= 0.01 and "The claim holds" or "The claim does not hold here", 100 * share))
