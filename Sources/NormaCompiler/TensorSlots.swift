import NormaCore
import NormaGraph

/// The tensors of a call by number: those that are read, then those that are written.
struct TensorSlots {
  private let inputs: [String]
  /// Whether each input is a tensor as large as `x`.
  private let isWhole: [Bool]
  private let fusion: Fusion

  init(_ program: NormProgram) {
    inputs = program.inputs.map(\.name)
    isWhole = program.inputs.map { $0.roles == .all }
    fusion = program.fusion
  }

  private var outputGradient: Int { inputs.count }
  private var residual: Int { inputs.count + 1 }
  private var sumGradient: Int { inputs.count + 2 }
  private var output: Int { readCount }
  private var sum: Int { readCount + 1 }
  private var firstGradient: Int { readCount + 2 }

  /// How many are read.
  var readCount: Int { inputs.count + 3 }
  /// How many there are.
  var count: Int { firstGradient + inputs.count }

  /// The tensor that a leaf stands for.
  func number(of leaf: Expr.Kind) -> Int? {
    switch leaf {
    case Fusion.residual.kind: residual
    case Fusion.sumGradient.kind: sumGradient
    case .outputGradient: outputGradient
    case .input(let name): inputs.firstIndex(of: name)
    default: nil
    }
  }

  /// The tensor that a result is written to.
  func number(ofResult name: String) -> Int? {
    switch name {
    case "y": output
    case "sum": sum
    default:
      inputs.firstIndex { "input:" + $0 == name }.map { firstGradient + $0 }
    }
  }

  /// Points each number at its tensor in a call; nil where the direction, or the plan, has none.
  func fill(
    _ slots: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>, from call: KernelCall,
    backward: Bool
  ) {
    slots.initialize(repeating: nil)
    for i in inputs.indices where isWhole[i] {
      slots[i] = UnsafeMutablePointer(mutating: call.inputs[i])
    }
    if backward {
      slots[outputGradient] = call.outputGradient.map { UnsafeMutablePointer(mutating: $0) }
      if fusion.addsSkipGradient {
        slots[sumGradient] = call.sumGradient.map { UnsafeMutablePointer(mutating: $0) }
      }
    } else if fusion.addsResidual {
      slots[residual] = call.residual.map { UnsafeMutablePointer(mutating: $0) }
    }
    for i in readCount..<count { slots[i] = written(i, by: call, backward: backward) }
  }

  /// Where a call wants the result of that number.
  func written(_ number: Int, by call: KernelCall, backward: Bool) -> UnsafeMutablePointer<Float>? {
    if number >= firstGradient {
      let input = number - firstGradient
      return backward && isWhole[input] ? call.inputGradients[input] : nil
    }
    if backward { return nil }
    return number == output ? call.output : fusion.keepsSum ? call.sum : nil
  }
}
