-- Pre-LN, pre-RMS and pre-CRMS transformers are the same function, exactly.
-- Jiang et al. 2023, arXiv:2305.14858: take the mean away from what enters the residual stream, and layer norm
-- becomes RMS norm; of values that sum to 0 the last need not be stored, which is compressed RMS norm.
-- Here: eight pre-norm blocks written out as formulas, their differences in float32 and in float64; then a
-- small transformer that trains with either norm behind a centred stream, three seeds.
--   scripts/norma run scripts/experiments/invariance.lua --jobs 2

-- A vector of d values: its first d - 1, and the last.
local function pair(u, last) return { u = u, last = last } end
local function total(x) return x.u:sum("channel") + x.last end
local function width(x) return x.u:count("channel") + 1 end
local function centred(x)
  local mean = total(x) / width(x)
  return pair(x.u - mean, x.last - mean)
end
local function scaled(x, square) return pair(x.u * (square + 1e-8):rsqrt(), x.last * (square + 1e-8):rsqrt()) end
local function layer(x)
  local c = centred(x)
  return scaled(c, ((c.u ^ 2):sum("channel") + c.last ^ 2) / width(c))
end
local function rms(x) return scaled(x, ((x.u ^ 2):sum("channel") + x.last ^ 2) / width(x)) end
local function crms(u)                                          -- the last value is minus the sum of the others
  local square = ((u ^ 2):sum("channel") + u:sum("channel") ^ 2) / (u:count("channel") + 1)
  return scaled(pair(u, -u:sum("channel")), square)
end

-- What a branch computes: any function will do.
local function branch(x, s, block)
  return pair((x.u * s.gain * block + s.shift):tanh(), (x.last * 0.7 * block - 0.2):tanh())
end
local function plus(a, b) return pair(a.u + b.u, a.last + b.last) end

local function pre_layer(x, s)
  x = pair(x, 0.3 * x:mean("channel") + 1)
  for block = 1, 8 do x = plus(x, branch(layer(x), s, block)) end
  return layer(x).u
end
local function pre_rms(x, s)
  x = centred(pair(x, 0.3 * x:mean("channel") + 1))
  for block = 1, 8 do x = plus(x, centred(branch(rms(x), s, block))) end
  return rms(x).u
end
local function pre_crms(x, s)
  local u = centred(pair(x, 0.3 * x:mean("channel") + 1)).u
  for block = 1, 8 do u = u + centred(branch(crms(u), s, block)).u end
  return crms(u).u
end

-- The largest difference of two of them, everywhere: the reference computes all of it in float64.
local function difference(name, a, b)
  norm.define(name, { doc = "how far two networks are apart",
    param = { gain = norm.per_channel { 1 }, shift = norm.per_channel { 0.1 } },
    forward = function(x, s)
      local most = (a(x, s) - b(x, s)):abs():max_over("batch", "space", "channel")
      return where(x:lt(math.huge), most, x)                    -- the same everywhere, in the shape of x
    end })
  return function(executor)
    local x = 3 * tensor.random(7, { 32, 6, 63 }) + 5
    return norm[name]():apply(x, { executor = executor }):mean()
  end
end
local largest = { tiles = 0, reference = 0 }
for name, networks in pairs { layer_rms = { pre_layer, pre_rms }, layer_crms = { pre_layer, pre_crms } } do
  local apart = difference("difference_" .. name, networks[1], networks[2])
  for executor in pairs(largest) do largest[executor] = math.max(largest[executor], apart(executor)) end
end

-- The same in training: every branch and the embedding end with their mean taken away.
norm.define("centre", { doc = "takes the mean of the channels away",
  forward = function(x) return x - x:mean("channel") end })
local function block()
  return { nn.residual { nn.norm(), nn.attention { heads = 4, causal = true }, nn.norm "centre" },
           nn.residual { nn.norm(), nn.linear { 256 }, nn.gelu(), nn.linear { 64 }, nn.norm "centre" } }
end
model("centred", { input = { tokens = 64, vocabulary = "data" }, norm = "rms",
  nn.embed { 64, positions = true }, nn.norm "centre", block(), block(), nn.norm(), nn.linear { "vocabulary" } })
local r = experiment { name = "invariance", model = "centred", data = dataset "jargon-text" {},
  sweep = { { "norm", { norm.layer { center = false }, "rms" } }, { "seed", { 1, 2, 3 } } },
  train = { steps = 200, batch = 16, optimizer = optim.adamw { rate = 3e-3 },
    schedule = schedule.cosine { warm_up = 50 } },
  watch = { "val_loss", "val_accuracy", "step_ms" } }
print(r)
print(r:compare { "layer", "rms", value = "val_loss" })
local holds = largest.tiles <= 1e-5 and largest.reference <= 1e-10
print(string.format("%s: pre-LN, pre-RMS and pre-CRMS differ by %.1e at most in float32 (asked: 1e-5), by %.1e in float64"
  .. " (asked: 1e-10).", holds and "The claim holds" or "The claim does not hold here", largest.tiles, largest.reference))
