import NormaGraph
import NormaNetwork
public import NormaNorms

/// What editors need to complete and check scripts: a LuaCATS meta file made from the registry and the
/// layer catalog, and settings for lua-language-server.
public enum LuaStubs {
  /// The settings file `.luarc.json` for a folder that holds the meta file.
  public static let settings = """
    {
      "$schema": "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json",
      "runtime.version": "Lua 5.4",
      "runtime.builtin": {
        "debug": "disable", "ffi": "disable", "io": "disable", "jit": "disable", "os": "disable",
        "package": "disable"
      },
      "workspace.library": ["norma.meta.lua"],
      "workspace.checkThirdParty": false
    }

    """

  /// The meta file for the norms of a registry.
  public static func meta(_ registry: NormRegistry) -> String {
    var parts = [head, tracedTensor, tensor, globals]
    for name in registry.names {
      guard let schema = try? registry.entry(name).schema else { continue }
      parts.append(norm(schema))
    }
    parts += LayerCatalog.schemas.map(layer)
    return parts.joined(separator: "\n")
  }

  // MARK: norms and layers

  private static func norm(_ schema: NormSchema) -> String {
    let type = "norma.settings." + word(schema.name)
    var lines = ["---@class \(type)"]
    for parameter in schema.hyper {
      lines.append(field(parameter.name, kind(parameter.kind), parameter.rangeText, parameter.doc))
    }
    for alias in schema.aliases {
      lines.append("---@field \(alias.name)? any another name of \(alias.target)")
    }
    if !schema.presets.isEmpty {
      let names = schema.presets.keys.sorted().map { "\"\($0)\"" }.joined(separator: "|")
      lines.append("---@field preset? \(names) a peer's defaults")
    }
    lines.append("")
    if !schema.summary.isEmpty { lines.append("---" + text(schema.summary)) }
    if !schema.paper.isEmpty { lines.append("---" + text(schema.paper)) }
    lines += ["---@param settings? \(type)", "---@return norma.Norm"]
    let isPlain = schema.name == word(schema.name)
    lines.append(
      isPlain
        ? "function norm.\(schema.name)(settings) end"
        : "norm[\"\(schema.name)\"] = function(settings) end")
    return lines.joined(separator: "\n") + "\n"
  }

  private static func kind(_ kind: HyperParameter.Kind) -> String {
    switch kind {
    case .real: "number|norma.Ramp"
    case .int(_, _, let words): (["integer"] + words.map { "\"\($0)\"" }).joined(separator: "|")
    case .bool: "boolean"
    case .choice(let words): words.map { "\"\($0)\"" }.joined(separator: "|")
    }
  }

  private static func layer(_ schema: LayerSchema) -> String {
    let type = "norma.options." + schema.kind
    var lines = ["---@class \(type)"]
    for option in schema.options {
      let kind =
        switch option.kind {
        case .int: "integer"
        case .size, .ints: "integer|integer[]"
        case .real: "number"
        case .bool: "boolean"
        case .padding: "integer|integer[]|\"same\""
        case .units: "integer|\"vocabulary\""
        case .word: "string"
        }
      lines.append(field(option.name, kind, option.rangeText, option.doc))
    }
    if let first = schema.options.first, !schema.takesLayers, schema.norm != .positional {
      lines.append("---@field [1]? any \(first.name), as the first item")
    }
    if schema.takesLayers { lines.append("---@field [integer] norma.Layer|norma.Layer[]") }
    switch schema.norm {
    case .option(let name)?: lines.append("---@field \(name)? string|norma.Norm a norm")
    case .positional?:
      lines += ["---@field [1]? string|norma.Norm the norm", "---@field [string] any its settings"]
    case nil: break
    }
    let alternatives = schema.norm == .positional ? "|string|norma.Norm" : ""
    return
      (lines + [
        "", "---\(text(schema.doc))", "---@param options? \(type)\(alternatives)",
        "---@return norma.Layer", "function nn.\(schema.kind)(options) end",
      ]).joined(separator: "\n") + "\n"
  }

  private static func field(
    _ name: String, _ type: String, _ range: String, _ doc: String
  ) -> String {
    "---@field \(name)? \(type) " + text(doc.isEmpty ? range : "\(doc) (\(range))")
  }

  /// Text of a script on one line of a comment.
  private static func text(_ text: String) -> String {
    String(
      text.map { $0.isNewline || $0.isASCII && $0.asciiValue.map { $0 < 32 } == true ? " " : $0 })
  }

  private static func word(_ name: String) -> String {
    String(name.map { $0.isLetter || $0.isNumber || $0 == "_" ? $0 : "_" })
  }

  // MARK: what is always there

  private static let head = """
    ---@meta
    -- Written by norma lua-stubs: types of what Norma's scripts see. Not to be run.

    """

  /// The words of formulas; the element-wise ones from the table that defines them.
  private static var tracedTensor: String {
    var lines = [
      "---@class norma.Traced", "---@operator add(norma.Traced|number): norma.Traced",
      "---@operator sub(norma.Traced|number): norma.Traced",
      "---@operator mul(norma.Traced|number): norma.Traced",
      "---@operator div(norma.Traced|number): norma.Traced",
      "---@operator pow(norma.Traced|number): norma.Traced", "---@operator unm: norma.Traced",
      "local Traced = {}",
    ]
    for operation in Elementwise.methods {
      let names: [String] = Array(["other", "high"][..<max(0, operation.arity - 1)])
      lines += names.map { "---@param \($0) norma.Traced|number" }
      lines += [
        "---@return norma.Traced",
        "function Traced:\(operation.name)(\(names.joined(separator: ", "))) end",
      ]
    }
    let role = "\"batch\"|\"space\"|\"channel\"|\"group\"|\"member\"|\"chunk\""
    for (name, options) in [
      ("sum", ""), ("mean", "|{ weight?: norma.Traced }"),
      ("variance", "|{ correction?: integer, weight?: norma.Traced }"), ("mean_square", ""),
      ("max_over", ""), ("min_over", ""), ("count", ""),
    ] {
      lines += [
        "---@param ... \(role)\(options)",
        "---@return norma.Traced", "function Traced:\(name)(...) end",
      ]
    }
    lines += [
      "---@param p number", "---@param ... \(role)", "---@return norma.Traced",
      "function Traced:norm(p, ...) end",
      "---@param n integer", "---@return norma.Traced", "function Traced:group(n) end",
      "---@param n integer", "---@return norma.Traced", "function Traced:chunk(n) end",
      "---@param role \"channel\"", "---@param first integer", "---@param last integer",
      "---@return norma.Traced", "function Traced:slice(role, first, last) end",
      "---@param role \"channel\"|\"group\"|\"member\"", "---@return integer",
      "function Traced:size(role) end",
      "---@param role \"channel\"|\"space\"", "---@param n integer",
      "---@param options? { mean?: boolean }", "---@return norma.Traced",
      "function Traced:window(role, n, options) end",
      "---@return norma.Traced", "function Traced:stop() end",
      "---@param value norma.Traced", "---@param momentum norma.Traced|number",
      "function Traced:track(value, momentum) end", "",
    ]
    return lines.joined(separator: "\n")
  }

  /// Tensors of numbers have the element-wise words too.
  private static var tensor: String {
    var lines = [
      "---@class norma.Tensor", "---@field shape integer[]", "---@field count integer",
      "---@operator add(norma.Tensor|number): norma.Tensor",
      "---@operator sub(norma.Tensor|number): norma.Tensor",
      "---@operator mul(norma.Tensor|number): norma.Tensor",
      "---@operator div(norma.Tensor|number): norma.Tensor",
      "---@operator pow(norma.Tensor|number): norma.Tensor", "---@operator unm: norma.Tensor",
      "local Tensor = {}", "---@return number", "function Tensor:sum() end",
      "---@return number", "function Tensor:mean() end", "---@param other norma.Tensor",
      "---@param tolerance? number", "---@return boolean, number",
      "function Tensor:close(other, tolerance) end",
    ]
    for operation in Elementwise.methods {
      let names: [String] = Array(["other", "high"][..<max(0, operation.arity - 1)])
      lines += names.map { "---@param \($0) norma.Tensor|number" }
      lines += [
        "---@return norma.Tensor",
        "function Tensor:\(operation.name)(\(names.joined(separator: ", "))) end",
      ]
    }
    return (lines + [""]).joined(separator: "\n")
  }

  private static let globals = """
    ---@class norma.Ramp
    ---@class norma.Layer
    ---@class norma.Optimizer
    ---@class norma.Schedule
    ---@class norma.Data
    ---@class norma.Declaration
    ---@class norma.Mode
    ---@field train boolean
    ---@field infer boolean

    ---@class norma.Norm
    ---@field name string
    local Norm = {}
    ---@param x norma.Tensor
    ---@param options? { axis?: integer|integer[], mode?: "train"|"infer", executor?: "auto"|"tiles"|"reference", param?: table, buffer?: table, input?: table }
    ---@return norma.Tensor, table?
    function Norm:apply(x, options) end
    ---@param x norma.Tensor
    ---@param dy norma.Tensor
    ---@param options? table
    ---@return table<string, norma.Tensor>
    function Norm:gradient(x, dy, options) end

    ---@class norma.Definition
    ---@field doc? string
    ---@field paper? string
    ---@field hyper? table<string, norma.Declaration>
    ---@field param? table<string, norma.Declaration>
    ---@field buffer? table<string, norma.Declaration>
    ---@field input? table<string, norma.Declaration>
    ---@field alias? table<string, string|fun(value): string, any>
    ---@field presets? table<string, table>
    ---@field claims? { statistics?: string[], epsilon?: "inside"|"outside", correction?: 0|1, infer?: "batch" }
    ---@field gradient? "partial"|"own"
    ---@field on? "weight"
    ---@field replace? boolean
    ---@field forward fun(x: norma.Traced, s: table<string, norma.Traced>, mode: norma.Mode): norma.Traced
    ---@field backward? fun(x: norma.Traced, dy: norma.Traced, s: table<string, norma.Traced>, mode: norma.Mode): norma.Traced|table<string, norma.Traced>

    norm = {}
    ---@param name string
    ---@param definition norma.Definition
    function norm.define(name, definition) end
    ---@param o { [1]: number, min?: number, above?: number, max?: number, below?: number, doc?: string }
    ---@return norma.Declaration
    function norm.real(o) end
    ---@param o { [1]?: integer|string, min?: integer, max?: integer, divides?: "channel", words?: string[], optional?: boolean, doc?: string }
    ---@return norma.Declaration
    function norm.int(o) end
    ---@param o { [1]: boolean, doc?: string }
    ---@return norma.Declaration
    function norm.bool(o) end
    ---@param o { [1]: string, choices: string[], doc?: string }
    ---@return norma.Declaration
    function norm.choice(o) end
    ---@param o { [1]: number|string|function, role?: "gain"|"shift"|"weight", when?: string, doc?: string }
    ---@return norma.Declaration
    function norm.per_channel(o) end
    ---@param o { [1]: number|string|function, role?: "gain"|"shift"|"weight", when?: string, doc?: string }
    ---@return norma.Declaration
    function norm.scalar(o) end
    ---@param roles string[]
    ---@return fun(o: table): norma.Declaration
    function norm.per(roles) end
    ---@param o? table
    ---@return norma.Declaration
    function norm.input(o) end

    ---@param condition any
    ---@return any
    function where(condition, yes, no) end
    ---@param ... norma.Traced
    ---@return norma.Traced
    function concat(...) end

    nn = {}
    optim = {}
    ---@param o { rate: number, momentum?: number, nesterov?: boolean, decay?: number }
    ---@return norma.Optimizer
    function optim.sgd(o) end
    ---@param o { rate: number, beta1?: number, beta2?: number, epsilon?: number, decay?: number }
    ---@return norma.Optimizer
    function optim.adam(o) end
    ---@param o { rate: number, beta1?: number, beta2?: number, epsilon?: number, decay?: number }
    ---@return norma.Optimizer
    function optim.adamw(o) end
    schedule = {}
    ---@param o? { warm_up?: integer }
    ---@return norma.Schedule
    function schedule.constant(o) end
    ---@param o? { floor?: number, warm_up?: integer }
    ---@return norma.Schedule
    function schedule.cosine(o) end
    ---@param o { every: integer, factor: number, warm_up?: integer }
    ---@return norma.Schedule
    function schedule.step(o) end
    ---@param o { [1]: number, [2]: number, from?: integer, to: integer }
    ---@return norma.Ramp
    function schedule.ramp(o) end

    ---@param name string
    ---@return fun(o?: table): norma.Data
    function dataset(name) end
    ---@param name string
    ---@param model? table
    ---@return table
    function model(name, model) end
    ---@param o table
    ---@return table
    function experiment(o) end
    ---@param name string
    ---@param body fun()
    function test(name, body) end
    expect = {}
    function expect.equal(found, wanted) end
    ---@param tolerance? number 1e-6 if not given
    function expect.close(found, wanted, tolerance) end
    ---@param message? string
    function expect.ok(value, message) end
    ---@param body fun()
    ---@param part? string
    function expect.error(body, part) end
    ---@class norma.TensorLibrary
    ---@overload fun(numbers: table): norma.Tensor
    tensor = {}
    ---@param seed integer
    ---@param shape integer[]
    ---@return norma.Tensor
    function tensor.random(seed, shape) end
    ---@param path string
    ---@return norma.Tensor
    function tensor.load(path) end
    ---@param shape integer[]
    ---@return norma.Tensor
    function tensor.zeros(shape) end
    ---@param shape integer[]
    ---@param value number
    ---@return norma.Tensor
    function tensor.full(shape, value) end

    """
}
