import NormaCore
import NormaGraph
import NormaNorms

extension TracedTensor {
  /// The definition language, as methods and operators; Swift has the same words on `Expr`.
  static func register(in interpreter: Interpreter) throws(NormaError) {
    let type = HostType<TracedTensor>()
    addOperators(type)
    addElementwise(type)
    addReductions(type)
    addStructure(type)
    addAdvice(type)
    type.describe { tensor in
      "traced tensor along (\(tensor.expression.domain))"
    }
    try interpreter.register(type)
    try interpreter.define("concat") { call throws(NormaError) in
      try concat(call)
    }
    try interpreter.define("where") { call throws(NormaError) in
      try choose(call)
    }
  }

  private static func addOperators(_ type: HostType<TracedTensor>) {
    let operators: [(HostType<TracedTensor>.Operator, String, Elementwise)] = [
      (.add, "+", .add), (.sub, "-", .sub), (.mul, "*", .mul), (.div, "/", .div),
      (.pow, "^", .pow),
    ]
    for (operation, symbol, elementwise) in operators {
      type.on(operation) { call throws(NormaError) in
        let tensor = try receiver(call[0], call[1], symbol)
        let a = try tensor.operand(call[0], of: symbol)
        let b = try tensor.operand(call[1], of: symbol)
        if operation == .div, b.constantValue == 0 {
          throw tensor.trace.error(
            "division by 0", help: "x / (y + s.epsilon), or x / y:max(1e-12)")
        }
        return try tensor.trace.node(call) { .apply(elementwise, [a, b]) }
      }
    }
    type.on(.negate) { call throws(NormaError) in
      let tensor = try receiver(call[0], call[0], "-")
      return try tensor.trace.node(call) { -tensor.expression }
    }
  }

  private static func addElementwise(_ type: HostType<TracedTensor>) {
    for operation in Elementwise.methods {
      type.method(operation.name) { tensor, call throws(NormaError) in
        guard call.count == operation.arity - 1 else {
          throw tensor.trace.error(
            "\(operation.name) takes \(operation.arity - 1) operand(s), got \(call.count)",
            help: operation.usage)
        }
        var operands = [tensor.expression]
        if operation.arity == 2, case .string(let role) = call[0], RoleNames.all.contains(role) {
          throw tensor.trace.error(
            "\(operation.name) takes a value, got \(call[0].quoted)",
            help: "over a role it is x:\(operation.name)_over(\"\(role)\")")
        }
        for index in 0..<call.count {
          operands.append(try tensor.operand(call[index], of: operation.name))
        }
        if operation == .clamp, let low = operands[1].constantValue,
          let high = operands[2].constantValue, low > high
        {
          throw tensor.trace.error(
            "clamp from \(low) to \(high) holds no value", help: "the lower bound comes first")
        }
        return [try tensor.trace.node(call) { .apply(operation, operands) }]
      }
    }
  }

  private static func addReductions(_ type: HostType<TracedTensor>) {
    let plain: [Reduction] = [.sum, .meanSquare, .max, .min]
    for reduction in plain {
      type.method(reduction.name) { tensor, call throws(NormaError) in
        [try tensor.reduce(call, reduction.name, names: call.arguments) { _ in reduction }]
      }
    }
    type.method("mean") { tensor, call throws(NormaError) in
      let (names, options) = try tensor.reductionOptions(call, "mean", known: ["weight"])
      guard let options, options.has("weight") else {
        return [try tensor.reduce(call, "mean", names: names) { _ in .mean }]
      }
      let weight = try tensor.operand(options["weight"], of: "mean")
      return [
        try tensor.reduce(call, "mean", names: names) { x, roles in x.mean(roles, weight: weight) }
      ]
    }
    type.method("variance") { tensor, call throws(NormaError) in
      let (names, options) = try tensor.reductionOptions(
        call, "variance", known: ["correction", "weight"])
      guard let options, options.has("weight") else {
        let correction = try options?.value("correction", default: 0.0) ?? 0
        guard correction >= 0 else {
          throw tensor.trace.error(
            "variance: 'correction' must be 0 or more, got \(correction)",
            help: "it is taken from the count: 1 makes the variance unbiased")
        }
        return [
          try tensor.reduce(call, "variance", names: names) { _ in
            .variance(correction: correction)
          }
        ]
      }
      guard !options.has("correction") else {
        throw options.error(
          "'weight' and 'correction' exclude each other", help: "give one of them")
      }
      let weight = try tensor.operand(options["weight"], of: "variance")
      return [
        try tensor.reduce(call, "variance", names: names) { x, roles in
          x.variance(roles, weight: weight)
        }
      ]
    }
    type.method("norm") { tensor, call throws(NormaError) in
      guard let p = Double.from(lua: call[0]), p > 0 else {
        throw tensor.trace.error(
          "norm takes its power first, a number above 0, got \(call[0].quoted)",
          help: "write x:norm(2, \"channel\")")
      }
      return [
        try tensor.reduce(call, "norm", names: Array(call.arguments.dropFirst())) { _ in .norm(p) }
      ]
    }
    type.method("count") { tensor, call throws(NormaError) in
      let names = try tensor.roleNames(call.arguments, "count")
      return [
        try tensor.trace.node(call) { () throws(NormaError) in
          let splits = tensor.expression.splits
          return .count(try RoleNames.roles(names, under: splits, word: "count"))
        }
      ]
    }
  }

  private static func addStructure(_ type: HostType<TracedTensor>) {
    type.method("stop") { tensor, call throws(NormaError) in
      [try tensor.trace.node(call) { tensor.expression.stopGradient() }]
    }
    type.method("group") { tensor, call throws(NormaError) in
      let count = try tensor.size(call, "group")
      return [try tensor.trace.node(call) { tensor.expression.group(count) }]
    }
    type.method("slice") { tensor, call throws(NormaError) in
      let usage = "write x:slice(\"channel\", 1, n): the channels from the first to the nth"
      guard call.count == 3, let first = Int.from(lua: call[1]), let last = Int.from(lua: call[2])
      else {
        throw tensor.trace.error("slice takes a role and two whole numbers", help: usage)
      }
      guard abs(first / 2) < 1 << 40, abs(last / 2) < 1 << 40 else {
        throw tensor.trace.error("slice from \(first) to \(last) is none", help: usage)
      }
      guard case .string("channel") = call[0] else {
        throw tensor.trace.error("slice goes along \"channel\", got \(call[0].quoted)", help: usage)
      }
      return [
        try tensor.trace.node(call) {
          tensor.expression.slice(
            channels: first - 1, last, of: tensor.trace.context.channels)
        }
      ]
    }
    type.method("size") { tensor, call throws(NormaError) in
      let channels = tensor.trace.context.channels
      let groups = tensor.expression.splits.groups
      switch (call[0], groups) {
      case (.string("channel"), _): return [.int(tensor.expression.slice?.count ?? channels)]
      case (.string("group"), let groups?): return [.int(groups)]
      case (.string("member"), let groups?): return [.int(channels / max(groups, 1))]
      default:
        throw tensor.trace.error(
          "size knows \"channel\", and of grouped channels \"group\" and \"member\", got"
            + " \(call[0].quoted)",
          help: "batch and space are not known while tracing: x:count(\"batch\") is a number of the"
            + " formula")
      }
    }
    type.method("window") { tensor, call throws(NormaError) in
      let usage = "write x:window(\"channel\", 5), or x:window(\"space\", 3, { mean = true })"
      guard case .string(let name) = call[0], let n = Int.from(lua: call[1]), call.count <= 3 else {
        throw tensor.trace.error("window takes a role and a whole number", help: usage)
      }
      let options = try TableReader(
        try call.optional(2, "options", as: TableRef.self),
        owner: "\(tensor.trace.schema.name): window")
      try options.rejectUnknown(known: ["mean"])
      try options.rejectItems(beyond: 0)
      let isMean = try options.value("mean", default: false)
      return [
        try tensor.trace.node(call) { () throws(NormaError) in
          let role = try RoleNames.role(name)
          let sum = tensor.expression.window(role, n)
          return isMean ? sum / Expr.constant(1).window(role, n) : sum
        }
      ]
    }
    type.method("chunk") { tensor, call throws(NormaError) in
      let size = try tensor.size(call, "chunk")
      return [try tensor.trace.node(call) { tensor.expression.chunk(size) }]
    }
    type.method("track") { tensor, call throws(NormaError) in
      guard call.count == 2 else {
        throw tensor.trace.error(
          "track takes the new value and its weight, got \(call.count) argument(s)",
          help: "write s.mean:track(value, s.momentum)")
      }
      let value = try tensor.operand(call[0], of: "track")
      let momentum = try tensor.operand(call[1], of: "track")
      try tensor.trace.track(tensor.expression, value, momentum: momentum)
      return []
    }
  }

  /// What looks like an operation on numbers but cannot be one: the numbers come later.
  private static func addAdvice(_ type: HostType<TracedTensor>) {
    let comparisons: [(HostType<TracedTensor>.Operator, String, String)] = [
      (.less, "<", "where(x:lt(y), a, b), or where(x:gt(y), a, b)"),
      (.lessOrEqual, "<=", "where(x:le(y), a, b), or where(x:ge(y), a, b)"),
      (.equal, "==", "where(x:eq(y), a, b)"),
    ]
    for (operation, symbol, remedy) in comparisons {
      type.on(operation) { call throws(NormaError) in
        throw try receiver(call[0], call[1], symbol).trace.error(
          "'\(symbol)' on a traced tensor: its value is not known while tracing", help: remedy)
      }
    }
    let whole: [(HostType<TracedTensor>.Operator, String)] = [(.idiv, "//"), (.mod, "%")]
    for (operation, symbol) in whole {
      type.on(operation) { call throws(NormaError) in
        throw try receiver(call[0], call[1], symbol).trace.error(
          "no operation '\(symbol)' in formulas",
          help: "x / y divides; x:size(\"channel\") is a whole number, to which Lua's own apply")
      }
    }
    type.on(.length) { call throws(NormaError) in
      throw try receiver(call[0], call[0], "#").trace.error(
        "'#' on a traced tensor: its sizes are not known while tracing",
        help: "x:count(\"channel\") is a number of the formula")
    }
    type.on(.concat) { call throws(NormaError) in
      throw try receiver(call[0], call[1], "..").trace.error(
        "'..' on a traced tensor: its value is not known while tracing",
        help: "tostring(x) shows what is known")
    }
    type.assign { tensor, key, _, _ throws(NormaError) in
      throw tensor.trace.error("a traced tensor cannot be changed: \(key.quoted) = ...")
    }
    type.item { tensor, key, _ throws(NormaError) in
      throw tensor.trace.error(
        "[\(key.quoted)] of a traced tensor: a formula speaks of roles, not of elements")
    }
  }

  /// `concat(a, b, ...)`.
  private static func concat(_ call: CallContext) throws(NormaError) -> [LuaValue] {
    let tensors = call.arguments.compactMap { TracedTensor.from(lua: $0) }
    guard let first = tensors.first, tensors.count == call.count else {
      throw call.error(
        "slices of a formula's tensor are needed, got"
          + " \(call.arguments.map(\.quoted).joined(separator: ", "))",
        help: "write concat(x:slice(\"channel\", 1, k), ...)")
    }
    var operands: [Expr] = []
    for tensor in call.arguments { operands.append(try first.operand(tensor, of: "concat")) }
    return [try first.trace.node(call) { .concat(operands) }]
  }

  /// `where(condition, yes, no)`.
  private static func choose(_ call: CallContext) throws(NormaError) -> [LuaValue] {
    guard call.count == 3 else {
      throw call.error(
        "a condition and two values are needed, got \(call.count) argument(s)",
        help: "write where(x:gt(0), a, b)")
    }
    if case .bool(let condition) = call[0] { return [condition ? call[1] : call[2]] }
    guard let tensor = call.arguments.lazy.compactMap({ TracedTensor.from(lua: $0) }).first else {
      if let tensors = try ScriptTensor.choose(call) { return [tensors] }
      throw call.error(
        "the condition must be a tensor, got \(call[0].quoted)", help: "write where(x:gt(0), a, b)")
    }
    var operands: [Expr] = []
    for index in 0..<3 { operands.append(try tensor.operand(call[index], of: "where")) }
    return [try tensor.trace.node(call) { .apply(.select, operands) }]
  }
}

extension TracedTensor {
  /// The first of two operands that is traced.
  fileprivate static func receiver(
    _ a: LuaValue, _ b: LuaValue, _ symbol: String
  ) throws(NormaError) -> TracedTensor {
    guard let tensor = TracedTensor.from(lua: a) ?? TracedTensor.from(lua: b) else {
      throw NormaError(.script, "'\(symbol)' takes traced tensors and numbers")
    }
    return tensor
  }

  /// A reduction's roles, and the table of options that may end them.
  fileprivate func reductionOptions(
    _ call: CallContext, _ word: String, known: [String]
  ) throws(NormaError) -> (names: [LuaValue], options: TableReader?) {
    guard case .table(let table)? = call.arguments.last else { return (call.arguments, nil) }
    let options = try TableReader(table, owner: "\(trace.schema.name): \(word)")
    guard options.items.isEmpty else {
      throw options.error(
        "roles are given one by one, not as a list", help: "write x:\(word)(\"batch\", \"space\")")
    }
    try options.rejectUnknown(known: known)
    return (call.arguments.dropLast(), options)
  }

  fileprivate func reduce(
    _ call: CallContext, _ word: String, names: [LuaValue], _ reduction: (RoleSet) -> Reduction
  ) throws(NormaError) -> LuaValue {
    try reduce(call, word, names: names) { x, roles in x.reduced(reduction(roles), over: roles) }
  }

  fileprivate func reduce(
    _ call: CallContext, _ word: String, names: [LuaValue], _ reduced: (Expr, RoleSet) -> Expr
  ) throws(NormaError) -> LuaValue {
    let names = try roleNames(names, word)
    return try trace.node(call) { () throws(NormaError) in
      let roles = try RoleNames.roles(names, under: expression.splits, word: word)
      return reduced(expression, roles)
    }
  }

  fileprivate func roleNames(
    _ values: [LuaValue], _ word: String
  ) throws(NormaError) -> [String] {
    var names: [String] = []
    for value in values {
      guard case .string(let name) = value else {
        throw trace.error(
          "\(word) takes names of roles, got \(value.quoted)",
          help: "write x:\(word)(\"batch\", \"space\"); only mean and variance take options")
      }
      names.append(name)
    }
    return names
  }

  fileprivate func size(_ call: CallContext, _ word: String) throws(NormaError) -> Int {
    guard let size = Int.from(lua: call[0]), call.count == 1 else {
      throw trace.error(
        "\(word) takes a whole number, got \(call[0].quoted)",
        help: "use a number, or a hyper-parameter made by norm.int")
    }
    return size
  }
}

extension Elementwise {
  /// The operations that scripts write as methods; the others are operators and `where`.
  static let methods = all.filter { operation in
    ![.add, .sub, .mul, .div, .neg, .pow, .select].contains(operation)
  }

  /// An example of the call.
  var usage: String {
    switch arity {
    case 1: "write x:\(name)()"
    case 2: "write x:\(name)(y)"
    default: "write x:\(name)(low, high)"
    }
  }
}
