import NormaCore
import NormaGraph
import NormaNorms

/// One run of a norm's `forward` with traced tensors.
final class FormulaTrace {
  /// A formula longer than this is a loop gone wild.
  static let wordLimit = 5000

  let schema: NormSchema
  let context: TraceContext
  private(set) var tracked: [TrackedBuffer] = []
  private(set) var isOpen = true
  private var words = 0

  init(_ schema: NormSchema, _ context: TraceContext) {
    self.schema = schema
    self.context = context
  }

  /// Ends the trace: tensors that a script kept are of no use any more.
  func close() { isOpen = false }

  /// Builds a node at the script's line; a mistake that the expression keeps is raised at once.
  func node(
    _ call: CallContext, _ body: () throws(NormaError) -> Expr
  ) throws(NormaError) -> LuaValue {
    guard isOpen else {
      throw error("a traced tensor was used after its forward had ended", help: "keep no tensors")
    }
    words += 1
    guard words <= FormulaTrace.wordLimit else {
      throw error("forward has more than \(FormulaTrace.wordLimit) operations")
    }
    let place = call.place
    let result = ExprPlace.$current.withValue(place) { () -> Result<Expr, NormaError> in
      Result(catching: body)
    }
    do throws(NormaError) {
      let expression = try result.get()
      if let failure = expression.failure { throw failure }
      return .object(TracedTensor(expression, in: self))
    } catch {
      throw named(error).at(place)
    }
  }

  /// `s.mean:track(value, momentum)`.
  func track(_ buffer: Expr, _ value: Expr, momentum: Expr) throws(NormaError) {
    guard case .buffer(let name) = buffer.kind else {
      throw error(
        "only a buffer can be tracked",
        help: "declare one: buffer = { mean = norm.per_channel { 0 } }")
    }
    if let weight = momentum.constantValue, !(0...1).contains(weight) {
      throw error(
        "track: the new value's weight must be from 0 to 1, got \(weight)",
        help: "buffer <- (1 - weight) * buffer + weight * value")
    }
    do throws(NormaError) {
      try context.track(name, value, momentum: momentum)
    } catch {
      throw named(error)
    }
    tracked.append(TrackedBuffer(name: name, value: value, momentum: momentum))
  }

  /// An error that begins with the norm's name.
  func error(_ message: String, help: String? = nil) -> NormaError {
    NormaError(.script, "\(schema.name): \(message)", help: help)
  }

  /// The same error, beginning with the norm's name.
  func named(_ error: NormaError) -> NormaError {
    error.message.hasPrefix(schema.name + ": ") ? error : error.prefixed(schema.name)
  }
}

/// A running average that a formula asked for.
struct TrackedBuffer: Sendable {
  let name: String
  let value: Expr
  let momentum: Expr
}

/// An expression of a formula, as a script's `forward` holds it.
final class TracedTensor: HostObject {
  static let luaName = "traced tensor"
  let expression: Expr
  let trace: FormulaTrace

  init(_ expression: Expr, in trace: FormulaTrace) {
    self.expression = expression
    self.trace = trace
  }

  /// The operand `value` of `word`, given beside this tensor.
  func operand(_ value: LuaValue, of word: String) throws(NormaError) -> Expr {
    if let number = Double.from(lua: value) {
      guard !number.isNaN else { throw trace.error("'\(word)' takes numbers, got NaN") }
      return .constant(number)
    }
    if let other = TracedTensor.from(lua: value) {
      guard other.trace === trace else {
        throw trace.error(
          "'\(word)' takes a tensor that another forward made", help: "keep no tensors")
      }
      return other.expression
    }
    if ScriptTensor.from(lua: value) != nil {
      throw trace.error(
        "'\(word)' takes a tensor of numbers, which a formula cannot hold",
        help: "make it a parameter or a buffer")
    }
    throw trace.error("'\(word)' takes traced tensors and numbers, got \(value.quoted)")
  }
}
