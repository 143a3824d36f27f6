-- Eight models that `norma advise` is held to: scripts/norma advise scripts/experiments/advice.lua --measure
-- The rules were written before these were measured; README.md has what came out.
require "models"

local fashion = dataset "fashion-mnist" { train = 10000, validate = 2000 }
local adamw = optim.adamw { rate = 3e-3 }

local function images(name, fields)
  experiment { name = name, model = fields.model, options = fields.options, norm = fields.norm or "batch",
    data = fields.data or fashion,
    train = { steps = fields.steps or 400, batch = fields.batch, optimizer = optim.sgd { rate = 0.1, momentum = 0.9 },
              rate_scale = "linear", schedule = schedule.cosine() } }
end

images("convolutions, batch 128", { model = "cnn", batch = 128 })
images("convolutions, batch 2", { model = "small_cnn", batch = 2, steps = 2000 })
images("dense, batch 4", { model = "deep_mlp", batch = 4, steps = 2000 })

local text = dataset "jargon-text" {}
local function gpt(name, place)
  experiment { name = name, model = "gpt", options = { place = place, depth = 4, width = 64 },
    data = text, train = { steps = 300, batch = 16, optimizer = adamw } }
end
gpt("transformer", "pre")
gpt("transformer, post-norm, no warm-up", "post")

-- 30 channels, which 32 groups do not divide.
model("thirty", { input = { 28, 28, 1 }, norm = norm.group { groups = 32 },
  nn.conv { 30, kernel = 3 }, nn.norm(), nn.relu(), nn.maxpool { 2 },
  nn.conv { 30, kernel = 3 }, nn.norm(), nn.relu(), nn.maxpool { 2 }, nn.flatten(), nn.linear { 10 } })
images("30 channels, 32 groups", { model = "thirty", norm = norm.group { groups = 32 }, batch = 32 })

-- The last maps have a single pixel.
model("one_pixel", { input = { 28, 28, 1 }, norm = "instance",
  nn.conv { 16, kernel = 5, stride = 4 }, nn.norm(), nn.relu(),
  nn.conv { 32, kernel = 5, stride = 4 }, nn.norm(), nn.relu(),
  nn.conv { 64, kernel = 2, padding = 0 }, nn.norm(), nn.relu(), nn.flatten(), nn.linear { 10 } })
images("maps of 1 x 1", { model = "one_pixel", norm = "instance", batch = 64 })

images("tiny data", { model = "mlp", batch = 16, steps = 120,
  data = dataset "fashion-mnist" { train = 200, validate = 2000 } })
