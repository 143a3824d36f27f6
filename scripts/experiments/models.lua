-- The networks that the experiments of this folder compare norms in.
-- Every nn.norm() becomes the norm of the experiment; "none" leaves it out.

local function dense(width) return { nn.linear { width }, nn.norm(), nn.relu() } end

model("mlp", { input = { 784 },
  dense(256), dense(256), nn.linear { 10 } })

-- Deep enough for a norm to matter.
model("deep_mlp", { input = { 784 },
  dense(256), dense(256), dense(256), nn.linear { 10 } })

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

-- A small GPT: 4 layers, width 128, 4 heads. Its norms stand where `place` says:
--   pre       x + f(N(x)), as GPT-2
--   post      N(x + f(x)), as the first transformer
--   sandwich  x + N(f(N(x))), also called peri-norm
--   res_post  x + N(f(x)), as Swin v2
--   deep      DeepNorm: LN(alpha x + f(x)), first weights smaller; N is the last norm only
--   sphere    nGPT: steps on the unit sphere, weights of unit length (attention's stay as they are); N is
--             the first norm only
local function transformer(o, depth)
  local function attend(gain) return nn.attention { heads = o.heads, causal = true, gain = gain } end
  local function mlp(gain)
    return { nn.linear { 4 * o.width, gain = gain }, nn.gelu(), nn.linear { o.width, gain = gain } }
  end
  if o.place == "pre" then
    return { nn.residual { nn.norm(), attend() }, nn.residual { nn.norm(), mlp() } }
  elseif o.place == "post" then
    return { nn.residual { attend() }, nn.norm(), nn.residual { mlp() }, nn.norm() }
  elseif o.place == "sandwich" then
    return { nn.residual { nn.norm(), attend(), nn.norm() }, nn.residual { nn.norm(), mlp(), nn.norm() } }
  elseif o.place == "res_post" then
    return { nn.residual { attend(), nn.norm() }, nn.residual { mlp(), nn.norm() } }
  end
  local function joined(name, layers, ...)
    return { nn.branch { name = name }, layers, ... }
  end
  local a, b = "before attention " .. depth, "before mlp " .. depth
  if o.place == "deep" then
    local alpha, gain = (2 * o.depth) ^ 0.25, (8 * o.depth) ^ -0.25
    return { joined(a, attend(gain), nn.norm { "deep_layer", alpha = alpha, skip = a }),
             joined(b, mlp(gain), nn.norm { "deep_layer", alpha = alpha, skip = b }) }
  elseif o.place == "sphere" then
    local unit, column = norm.weight_unit(), norm.weight_unit { of = "input" }
    local narrow = {
      nn.linear { 4 * o.width, bias = false, weight_norm = unit },
      nn.norm { "layer_scale", initial = o.width ^ 0.5 }, nn.gelu(),
      nn.linear { o.width, bias = false, weight_norm = column } }
    return {
      joined(a, nn.attention { heads = o.heads, bias = false, qk_norm = "rms" }, nn.norm { "sphere_step", skip = a }),
      joined(b, narrow, nn.norm { "sphere_step", skip = b }) }
  end
  error("no place '" .. o.place .. "'; it has: pre post sandwich res_post deep sphere")
end

model("gpt", { input = { tokens = 64, vocabulary = "data" }, norm = "rms",
  options = { depth = 4, width = 128, heads = 4, place = "pre" },
  build = function(o)
    local t = { nn.embed { o.width, positions = true } }
    if o.place == "sphere" then t[#t + 1] = { nn.norm(), nn.norm "unit" } end
    for depth = 1, o.depth do t[#t + 1] = transformer(o, depth) end
    if o.place == "sphere" then
      t[#t + 1] = nn.linear { "vocabulary", bias = false, weight_norm = "weight_unit" }
      t[#t + 1] = nn.norm { "layer_scale", initial = o.width ^ 0.5 }
    else
      t[#t + 1] = nn.norm(); t[#t + 1] = nn.linear { "vocabulary" }
    end
    return t
  end })
