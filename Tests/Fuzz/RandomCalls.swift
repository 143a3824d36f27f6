/// Scripts that call what they can reach, right or wrong, in the script itself and inside a formula.
enum RandomCalls {
  static func script(_ number: Int, seed: UInt64) -> String {
    "local seed = \((UInt64(number) &* 0x9E37_79B9 &+ seed) % 1_000_003)\n" + program
  }

  private static let program = #"""
    local function below(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n + 1
    end
    local names = { "batch", "space", "channel", "group", "member", "chunk", "weight", "mean", "x", "rms",
      "", ("long"):rep(300), "a\0b", "\xff\xfe", "../x", "none", "train" }
    local words = { "apply", "gradient", "mean", "variance", "sum", "mean_square", "max_over", "min_over",
      "norm", "count", "group", "chunk", "slice", "size", "window", "stop", "track", "abs", "sqrt", "rsqrt",
      "exp", "clamp", "max", "lt", "eq", "close", "shape", "name", "load", "save", "table", "best", "report",
      "evaluate", "gamma", "epsilon", "no_such", "__index", "__gc", "__name", "message", "line" }
    local spaces = {
      { norm, { "define", "real", "int", "bool", "choice", "per_channel", "scalar", "per", "input", "rms",
        "group", "batch", "film", "none", "no_such" } },
      { nn, { "linear", "conv", "maxpool", "avgpool", "global_avgpool", "flatten", "embed", "attention", "relu",
        "dropout", "residual", "branch", "norm", "no_such" } },
      { optim, { "sgd", "adam", "adamw" } }, { schedule, { "constant", "cosine", "step", "ramp" } },
      { tensor, { "random", "load" } }, { expect, { "equal", "close", "ok", "error" } },
      { string, { "rep", "format", "gsub", "find", "pack", "unpack", "byte" } },
      { table, { "concat", "insert", "unpack", "sort", "move" } },
      { _G, { "tensor", "concat", "where", "model", "experiment", "print", "require", "test", "load", "select",
        "setmetatable", "getmetatable", "rawset", "next", "tostring", "pcall", "error", "type" } } }
    local pool
    local function fresh()
      return { 0, 1, -1, 2, 3, 1e308, 0/0, math.huge, math.mininteger, 2^53, 0.5, true, false, print, {},
        { 1, 2, 3 }, { { 1, 2 }, { 3, 4 } }, { 1, { 2 } }, { input = { 4 }, nn.linear { 3 }, nn.norm() },
        { axis = below(5) - 3, mode = "train" }, { 28, kernel = 3 }, { weight = 1 }, { mean = true },
        { forward = function(x) return x end, param = { gamma = norm.per_channel { 1 } } },
        { rate = 0.1 }, { heads = 2 }, { choices = { "a", "b" }, "a" }, function(...) return ... end,
        function() error({}) end, tensor { 1, 2, 3 }, tensor.random(1, { 2, 3, 4 }), tensor.random(2, { 4 }),
        norm.rms, norm.rms(), norm.group { groups = 2 }, nn.relu(), nn.norm "layer",
        optim.sgd { rate = 0.1 }, coroutine.create(function() end), setmetatable({}, { __index = error }) }
    end
    local function any()
      if below(4) == 1 then return names[below(#names)] end
      return pool[below(#pool)]
    end
    local function step()
      local f
      local kind = below(8)
      if kind <= 4 then
        local space = spaces[below(#spaces)]
        local ok, found = pcall(function() return space[1][space[2][below(#space[2])]] end)
        f = ok and found or any()
      elseif kind <= 6 then
        local object, word = any(), words[below(#words)]
        f = function(...)
          if below(6) == 1 then return object[word](...) end
          return object[word](object, ...)
        end
      else
        local a, b, which = any(), any(), below(13)
        f = function()
          if which == 1 then return a + b elseif which == 2 then return a * b elseif which == 3 then return a ^ b
          elseif which == 4 then return -a elseif which == 5 then return #a elseif which == 6 then return a .. b
          elseif which == 7 then return a < b elseif which == 8 then return a == b elseif which == 9 then
            return a[b] elseif which == 10 then a[b] = 1 elseif which == 11 then return tostring(a)
          elseif which == 12 then return a // b else return a / b end
        end
      end
      local arguments = {}
      local n = below(5) - 1
      for i = 1, n do arguments[i] = any() end
      local results = table.pack(pcall(f, table.unpack(arguments, 1, n)))
      for i = 2, math.min(results.n, 4) do
        if results[i] ~= nil then pool[#pool < 120 and #pool + 1 or below(#pool)] = results[i] end
      end
    end
    pool = fresh()
    for _ = 1, 150 do step() end
    for i = 1, 3 do
      pcall(norm.define, "random_" .. i, {
        hyper = { epsilon = norm.real { 1e-3 } },
        param = { gamma = norm.per_channel { 1 } }, buffer = { m = norm.per_channel { 0 } },
        forward = function(x, s, mode)
          local start = seed
          seed = 7 * i
          pool = fresh()
          for _, value in ipairs { x, s, mode, s.gamma, x:mean("channel"), x:slice("channel", 1, 2) } do
            for _ = 1, 6 do pool[#pool + 1] = value end
          end
          local y = x * s.gamma * s.epsilon + s.m
          for _ = 1, 40 do step() end
          for k = #pool, 1, -1 do
            local ok, sum = pcall(function() return y + pool[k] end)
            if ok then y = sum break end
          end
          seed = start
          return y
        end })
    end
    """#
}
