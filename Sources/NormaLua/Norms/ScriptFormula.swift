import NormaCore
import NormaGraph
import NormaNorms
import Synchronization

/// A norm's `forward`, traced anew for each mode, structural values and channel count.
///
/// What was traced once is kept, so that building the same layer again does not need the script.
final class ScriptFormula: Sendable {
  private struct Key: Hashable {
    let mode: Mode
    let channels: Int
    let structural: [String: HyperValue]
  }

  private struct Traced: Sendable {
    let output: Expr
    let tracked: [TrackedBuffer]
  }

  private let schema: NormSchema
  private let forward: ScriptFunction
  private let place: SourcePlace?
  private let known = Mutex<[Key: Traced]>([:])

  init(schema: NormSchema, forward: ScriptFunction, place: SourcePlace?) {
    self.schema = schema
    self.forward = forward
    self.place = place
  }

  /// The output of `forward` for the context; buffer updates go to the context.
  func trace(_ x: Expr, _ context: TraceContext) throws(NormaError) -> Expr {
    let real = Set(schema.hyper.filter(\.isReal).map(\.name))
    let key = Key(
      mode: context.mode, channels: context.channels,
      structural: context.hyper.filter { !real.contains($0.key) })
    if let traced = known.withLock({ $0[key] }) {
      for buffer in traced.tracked {
        try context.track(buffer.name, buffer.value, momentum: buffer.momentum)
      }
      return traced.output
    }
    let traced = try run(x, context)
    known.withLock { $0[key] = traced }
    return traced.output
  }

  private func run(_ x: Expr, _ context: TraceContext) throws(NormaError) -> Traced {
    let trace = FormulaTrace(schema, context)
    defer { trace.close() }
    do throws(NormaError) {
      let input = TracedTensor(x, in: trace)
      let results = try forward.call([
        .object(input), .object(FormulaSettings(trace)), .object(Boxed(context.mode)),
      ])
      guard results.count <= 1 else {
        throw trace.error(
          "forward returned \(results.count) values", help: "return the output only")
      }
      guard let result = results.first, !result.isNil else {
        throw trace.error(
          "forward returned nothing in \(context.mode.rawValue) mode",
          help: "end it with: return ...")
      }
      return Traced(output: try input.operand(result, of: "return"), tracked: trace.tracked)
    } catch {
      throw trace.named(error).at(place)
    }
  }
}
