import NormaCore
import NormaGraph
import NormaNorms
import Synchronization

/// A norm's `forward` or `backward`, traced anew for each mode, structural values and channel count.
///
/// What was traced once is kept, so that building the same layer again does not need the script.
final class ScriptFormula: Sendable {
  private struct Key: Hashable {
    let mode: Mode
    let channels: Int
    let structural: [String: HyperValue]
  }

  private struct Traced: Sendable {
    /// What the function returned: one tensor under the name `x`, or several by name.
    let results: [String: Expr]
    let tracked: [TrackedBuffer]
  }

  private let schema: NormSchema
  private let function: ScriptFunction
  private let place: SourcePlace?
  private let known = Mutex<[Key: Traced]>([:])

  /// `forward` or `backward`.
  private let word: String

  init(_ word: String, schema: NormSchema, function: ScriptFunction, place: SourcePlace?) {
    self.word = word
    self.schema = schema
    self.function = function
    self.place = place
  }

  /// The output of `forward` for the context; buffer updates go to the context.
  func output(_ x: Expr, _ context: TraceContext) throws(NormaError) -> Expr {
    let results = try traced(context) { trace throws(NormaError) in
      let input = TracedTensor(x, in: trace)
      let result = try self.result(of: [input], trace)
      return ["x": try input.operand(result, of: "return")]
    }
    return results["x"] ?? x
  }

  /// The gradients that `backward` returns: that of `x`, or several by name.
  func gradients(
    _ x: Expr, _ dy: Expr, _ context: TraceContext
  ) throws(NormaError) -> [String: Expr] {
    try traced(context) { trace throws(NormaError) in
      let (input, arriving) = (TracedTensor(x, in: trace), TracedTensor(dy, in: trace))
      let result = try self.result(of: [input, arriving], trace)
      guard case .table(let table) = result else {
        return ["x": try input.operand(result, of: "return")]
      }
      let fields = try TableReader(table, owner: "\(trace.schema.name): backward")
      try fields.rejectItems(beyond: 0)
      var gradients: [String: Expr] = [:]
      for name in fields.names { gradients[name] = try input.operand(fields[name], of: "return") }
      return gradients
    }
  }

  private func traced(
    _ context: TraceContext, _ run: (FormulaTrace) throws(NormaError) -> [String: Expr]
  ) throws(NormaError) -> [String: Expr] {
    try function.checkCaptured(word)
    let real = Set(schema.hyper.filter(\.isReal).map(\.name))
    let key = Key(
      mode: context.mode, channels: context.channels,
      structural: context.hyper.filter { !real.contains($0.key) })
    if let traced = known.withLock({ $0[key] }) {
      if function.canBeCalled {
        let now = try trace(
          TraceContext(
            schema: schema, hyper: key.structural, channels: key.channels, mode: key.mode), run)
        try requireSame(traced, now)
      }
      for buffer in traced.tracked {
        try context.track(buffer.name, buffer.value, momentum: buffer.momentum)
      }
      return traced.results
    }
    let traced = try trace(context, run)
    try checkUnchanged(run)
    known.withLock { $0[key] = traced }
    return traced.results
  }

  private func trace(
    _ context: TraceContext, _ run: (FormulaTrace) throws(NormaError) -> [String: Expr]
  ) throws(NormaError) -> Traced {
    let trace = FormulaTrace(schema, context)
    defer { trace.close() }
    do throws(NormaError) {
      return Traced(results: try run(trace), tracked: trace.tracked)
    } catch {
      throw trace.named(error).at(place)
    }
  }

  /// Throws when what was traced before would now be another formula: the function reads something that
  /// changed, such as a global, or changes something itself.
  private func checkUnchanged(
    _ run: (FormulaTrace) throws(NormaError) -> [String: Expr]
  ) throws(NormaError) {
    let earlier = known.withLock { known in
      known.min {
        ($0.key.channels, $0.key.mode.rawValue) < ($1.key.channels, $1.key.mode.rawValue)
      }
    }
    guard let (key, before) = earlier.map({ ($0.key, $0.value) }) else { return }
    let context = TraceContext(
      schema: schema, hyper: key.structural, channels: key.channels, mode: key.mode)
    try requireSame(before, try trace(context, run))
  }

  private func requireSame(_ before: Traced, _ now: Traced) throws(NormaError) {
    func nodes(_ traced: Traced) -> [Graph.Node] {
      let results =
        traced.results.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        + traced.tracked.flatMap { [($0.name, $0.value), ($0.name, $0.momentum)] }
      return (try? Graph(results))?.nodes ?? []
    }
    guard !Graph.same(nodes(before), nodes(now)) else { return }
    throw NormaError(
      .script,
      "\(schema.name): \(word) gives another formula than when it was first traced: it reads or changes"
        + " something outside that does not stay the same", place: place,
      help: "make what it depends on a hyper-parameter; functions of a norm change nothing")
  }

  /// What the script's function returns for tensors, settings and the mode.
  private func result(
    of tensors: [TracedTensor], _ trace: FormulaTrace
  ) throws(NormaError) -> LuaValue {
    let results = try function.call(
      tensors.map { .object($0) } + [
        .object(FormulaSettings(trace)), .object(Boxed(trace.context.mode)),
      ])
    guard results.count <= 1 else {
      throw trace.error(
        "\(word) returned \(results.count) values",
        help: word == "forward"
          ? "return the output only" : "return dx, or { x = dx, gamma = ... }")
    }
    guard let result = results.first, !result.isNil else {
      throw trace.error(
        "\(word) returned nothing in \(trace.context.mode.rawValue) mode",
        help: "end it with: return ...")
    }
    return result
  }
}
