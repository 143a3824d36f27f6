import NormaCore
import NormaNorms
import Synchronization

/// An initial value that a script computes from the sizes; each is computed once.
final class ScriptInitialValue: Sendable {
  private let function: ScriptFunction
  private let owner: String
  private let known = Mutex<[[Int]: Double]>([:])

  init(_ function: FunctionRef, of norm: String, parameter: String) {
    self.function = ScriptFunction(function, of: norm)
    owner = "\(norm): the initial value of '\(parameter)'"
  }

  var value: InitialValue {
    .function { sizes throws(NormaError) in try self.value(for: sizes) }
  }

  private func value(for sizes: Dimensions) throws(NormaError) -> Double {
    let key = [sizes.channel, sizes.group]
    if let value = known.withLock({ $0[key] }) { return value }
    let results: [LuaValue]
    do throws(NormaError) {
      results = try function.call([.object(Boxed(sizes))])
    } catch {
      throw error.prefixed(owner)
    }
    guard let value = results.first.flatMap(Double.from), value.isFinite else {
      throw NormaError(
        .script,
        "\(owner) must be a finite number, got \((results.first ?? .nil).quoted)"
          + " for \(sizes.channel) channels")
    }
    known.withLock { $0[key] = value }
    return value
  }
}

/// Another name of a hyper-parameter: its name, or a function that gives the name and the value.
enum ScriptAlias {
  /// Any of these shows which hyper-parameter a function is about.
  private static let probes: [HyperValue] = [.real(0.5), .int(1), .bool(true), .choice("")]

  static func read(
    _ name: String, _ value: LuaValue, of norm: String, among names: [String]
  ) throws(NormaError) -> Alias {
    let remedy = "\(name) = \"momentum\", or function(d) return \"momentum\", 1 - d end"
    switch value {
    case .string(let target):
      guard names.contains(target) else { throw unknown(target, name, names) }
      return Alias(name, of: target)
    case .function(let function):
      let function = ScriptFunction(function, of: norm)
      var failure: NormaError?
      for probe in probes {
        do throws(NormaError) {
          let target = try translate(probe, by: function, name, remedy).target
          guard names.contains(target) else { throw unknown(target, name, names) }
          return Alias(name, of: target) { value throws(NormaError) in
            let (other, value) = try translate(value, by: function, name, remedy)
            guard other == target else {
              throw NormaError(
                .script,
                "the alias '\(name)' gave '\(other)' for one value, '\(target)' for another")
            }
            return value
          }
        } catch {
          failure = failure ?? error
        }
      }
      throw failure ?? NormaError(.script, "the alias '\(name)' names nothing", help: remedy)
    default:
      throw NormaError(
        .script, "the alias '\(name)' must be a name or a function, got \(value.quoted)",
        help: remedy)
    }
  }

  private static func unknown(_ target: String, _ name: String, _ names: [String]) -> NormaError {
    NormaError(
      .script,
      "the alias '\(name)' stands for '\(target)', which is no hyper-parameter"
        + Suggestion.phrase(for: target, among: names))
  }

  private static func translate(
    _ value: HyperValue, by function: ScriptFunction, _ name: String, _ remedy: String
  ) throws(NormaError) -> (target: String, value: HyperValue) {
    let results = try function.call([LuaValue(value)])
    guard results.count == 2, case .string(let target) = results[0],
      let value = results[1].hyperValue
    else {
      throw NormaError(
        .script, "the alias '\(name)' must return a hyper-parameter's name and its value",
        help: remedy)
    }
    return (target, value)
  }
}
