-- A small GPT on the characters of the Jargon File: 4 layers, width 128, 4 heads, windows of 64
-- characters. 600 steps; the validation loss is in nats a character. About a minute on two cores.
--   scripts/norma run scripts/experiments/gpt.lua
--   scripts/norma run scripts/experiments/gpt.lua --set norm=layer --set place=post
-- Any text will do: dataset "book.txt".
local function layer(o)
  local attend = { nn.attention { heads = o.heads, causal = true } }
  local mlp = { nn.linear { 4 * o.width }, nn.gelu(), nn.linear { o.width } }
  if o.place == "pre" then
    return { nn.residual { nn.norm(), attend }, nn.residual { nn.norm(), mlp } }
  end
  return { nn.residual { attend }, nn.norm(), nn.residual { mlp }, nn.norm() }
end

model("gpt", { input = { tokens = 64, vocabulary = "data" }, norm = "rms",
  options = { depth = 4, width = 128, heads = 4, place = "pre" },
  build = function(o)
    local t = { nn.embed { o.width, positions = true } }
    for _ = 1, o.depth do t[#t + 1] = layer(o) end
    t[#t + 1] = nn.norm(); t[#t + 1] = nn.linear { "vocabulary" }
    return t
  end })

print(experiment { name = "gpt on jargon-text", model = "gpt", data = dataset "jargon-text" {},
  sweep = { { "norm", { "rms", "layer" } } },
  train = { steps = 600, batch = 16, optimizer = optim.adamw { rate = 3e-3 },
    schedule = schedule.constant { warm_up = 100 } },
  watch = { "val_loss", "val_accuracy", "train_loss", "step_ms" } })
