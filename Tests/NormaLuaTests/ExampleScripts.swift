/// The definitions a user is shown first; they must run as they stand.
enum ExampleScripts {
  static let norms = """
    norm.define("rms_plus", {
      doc   = "x / rms(x), with a learned per-channel gain",
      hyper = { epsilon = norm.real { 1e-6, min = 0, doc = "added to the mean square" } },
      param = { gamma = norm.per_channel { 1 } },
      forward = function(x, s) return x * ((x^2):mean("channel") + s.epsilon):rsqrt() * s.gamma end,
    })
    norm.define("scale_plus", {
      hyper = { epsilon = norm.real { 1e-5, above = 0 } },
      param = { g = norm.scalar { function(d) return math.sqrt(d.channel) end } },
      forward = function(x, s) return s.g * x / (x^2):sum("channel"):sqrt():max(s.epsilon) end,
    })
    norm.define("dyt", {                                           -- no statistics at all
      hyper = { alpha0 = norm.real { 0.5, above = 0, doc = "initial slope" } },
      param = { alpha = norm.scalar { "alpha0" }, gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
      forward = function(x, s) return s.gamma * (s.alpha * x):tanh() + s.beta end,
    })
    norm.define("group_plus", {
      hyper = { groups = norm.int { 32, min = 1, divides = "channel" }, epsilon = norm.real { 1e-5, min = 0 } },
      param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
      forward = function(x, s)
        x = x:group(s.groups)                                      -- channel becomes group x member
        return (x - x:mean("member", "space")) * (x:variance("member", "space") + s.epsilon):rsqrt() * s.gamma + s.beta
      end,
    })
    norm.define("batch_plus", {
      hyper  = { epsilon = norm.real { 1e-5, min = 0 }, momentum = norm.real { 0.1, min = 0, max = 1 } },
      param  = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },
      buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
      forward = function(x, s, mode)
        local mu, var = s.mean, s.variance
        if mode.train then                         -- a Lua boolean: the function is traced once for each mode
          mu, var = x:mean("batch", "space"), x:variance("batch", "space")
          s.mean:track(mu, s.momentum)             -- (1-m) old + m new; no gradient; refused in infer mode
          s.variance:track(x:variance("batch", "space", { correction = 1 }), s.momentum)
        end
        return (x - mu) * (var + s.epsilon):rsqrt() * s.gamma + s.beta
      end,
    })
    """

  /// Both spellings of one norm on the same numbers, in both modes and through both executors.
  static let twins = """
    local function same(name, a, b)
      local close, difference = a:close(b, 2e-6)
      if not close then error(name .. " differs by " .. difference) end
    end
    local function compare(a, b, shape, axis)
      local x, dy = tensor.random(1, shape) + 0.5, tensor.random(2, shape)
      local channels = shape[axis < 0 and #shape or axis + 1]
      local param = { gamma = tensor.random(3, { channels }) }
      if a.name ~= "rms_plus" then param.beta = tensor.random(4, { channels }) end
      for _, mode in ipairs { "train", "infer" } do
        for _, executor in ipairs { "tiles", "reference" } do
          local options = { axis = axis, mode = mode, executor = executor, param = param }
          if a.name == "batch_plus" then
            options.buffer = {
              mean = tensor.random(5, { channels }), variance = tensor.random(6, { channels }):square() }
          end
          local where = a.name .. " " .. mode .. " " .. executor
          local y, buffers = a:apply(x, options)
          local expected, expectedBuffers = b:apply(x, options)
          same(where .. " y", y, expected)
          assert((buffers ~= nil) == (mode == "train" and a.name == "batch_plus"))
          for name, value in pairs(buffers or {}) do same(where .. name, value, expectedBuffers[name]) end
          local gradients, expectedGradients = a:gradient(x, dy, options), b:gradient(x, dy, options)
          local count = 0
          for name, value in pairs(expectedGradients) do
            same(where .. " gradient of " .. name, gradients[name], value)
            count = count + 1
          end
          assert(count == (param.beta and 3 or 2))
        end
      end
    end
    for _, case in ipairs { { { 7, 6 }, -1 }, { { 5, 6, 3 }, 1 }, { { 3, 5, 2, 6 }, -1 } } do
      local shape, axis = case[1], case[2]
      compare(norm.rms_plus(), norm.rms(), shape, axis)
      compare(norm.group_plus { groups = 3 }, norm.group { groups = 3 }, shape, axis)
      compare(norm.batch_plus { momentum = 0.3 }, norm.batch { momentum = 0.3 }, shape, axis)
    end
    """
}
