-- The networks that the experiments of this folder compare norms in.
-- Every nn.norm() becomes the norm of the experiment; "none" leaves it out.

local function dense(width) return { nn.linear { width }, nn.norm(), nn.relu() } end

model("mlp", { input = { 784 },
  dense(256), dense(256), nn.linear { 10 } })

local function block(channels)
  return { nn.conv { channels, kernel = 3 }, nn.norm(), nn.relu(), nn.maxpool { 2 } }
end

-- As large as the usual first CNN on Fashion-MNIST.
model("cnn", { input = { 28, 28, 1 },
  block(32), block(64),
  nn.flatten(), nn.linear { 128 }, nn.norm "layer", nn.relu(), nn.linear { 10 } })

-- Small enough for a first look.
model("small_cnn", { input = { 28, 28, 1 },
  block(8), block(16),
  nn.flatten(), nn.linear { 10 } })

-- A small GPT: 4 layers, width 128, 4 heads; its norms stand before what they feed, or after it.
local function transformer(o)
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
    for _ = 1, o.depth do t[#t + 1] = transformer(o) end
    t[#t + 1] = nn.norm(); t[#t + 1] = nn.linear { "vocabulary" }
    return t
  end })
