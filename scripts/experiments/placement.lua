-- A transformer with its norms behind the residual (post) needs warm-up at a high rate; before it (pre), not.
-- Xiong et al. 2020, arXiv:2002.04745, section 3.2: post-norm without warm-up reaches BLEU 8.45, with it about
-- 34; pre-norm about 34 without.
-- Here: 12 layers of width 96 on the characters of the Jargon File, Adam at 3e-3, 300 steps. (With 8 layers
-- post-norm still learns without warm-up at 3e-3, at 4e-3 by chance, and at 5e-3 not even with it.)
--   scripts/norma run scripts/experiments/placement.lua --jobs 2
require "models"

local function train(warm_up)
  return experiment { name = "placement, warm-up " .. warm_up, model = "gpt", data = dataset "jargon-text" {},
    options = { depth = 12, width = 96 }, norm = "layer",
    sweep = { { "place", { "pre", "post", "sandwich" } }, { "seed", { 1, 2 } } },
    train = { steps = 300, batch = 16, optimizer = optim.adam { rate = 3e-3 },
      schedule = schedule.constant { warm_up = warm_up } },
    watch = { "loss", "train_loss", "step_ms" } }
end
local without, with = train(0), train(100)
print("without warm-up"); print(without:table { rows = "place", value = "loss" })
print("with 100 steps of warm-up"); print(with:table { rows = "place", value = "loss" })

local function cost(place)
  local at = { place = place }
  return without:mean { value = "loss", at = at }.mean - with:mean { value = "loss", at = at }.mean
end
print(string.format("what is lost without warm-up, nats a character: pre %+.2f, post %+.2f, sandwich %+.2f",
  cost "pre", cost "post", cost "sandwich"))
print(cost "post" >= 0.5 and cost "pre" < 0.1
  and "The claim holds: post-norm needs warm-up at this rate, pre-norm does not."
  or "The claim does not hold here: post-norm at least 0.5 nats worse without warm-up, pre-norm not.")
