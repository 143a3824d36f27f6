import CKernels
import NormaCore
import NormaGraph

/// Inputs along some roles only, and their gradients, which lie in double among the saved values.
///
/// A plan reads and writes saved values slice by slice; inputs as small as statistics go the same way.
struct SecondInputs {
  /// One array among the saved values.
  private struct Place {
    /// Its index among the program's inputs.
    let input: Int
    /// Where it starts in the saved memory, in doubles.
    let offset: Int
    /// Elements of the caller's array.
    let count: Int
    /// Which saved element each of the caller's is; nil when they are the same.
    let order: [Int]?
  }

  private var inputs: [Place] = []
  private var gradients: [Place] = []
  /// What stands for each input in a plan's graph.
  private(set) var leaves: [Expr.Kind: Expr] = [:]

  /// Whether every input is as large as `x`.
  var isEmpty: Bool { inputs.isEmpty }

  /// Appends the inputs to saved values that begin at `offsets`.
  init(_ program: NormProgram, _ extents: Extents, offsets: inout [Int], total: inout Int) {
    for index in program.secondInputs {
      let (name, roles) = program.inputs[index]
      leaves[.input(name)] = .saved(offsets.count, domain: roles)
      let count = extents.count(roles)
      inputs.append(Place(input: index, offset: total, count: count, order: nil))
      offsets.append(total)
      total += count
    }
  }

  /// Appends a gradient that a graph computes along `domain`; returns its number.
  mutating func addGradient(
    ofInput name: String, along domain: RoleSet, _ program: NormProgram, _ extents: Extents,
    offsets: inout [Int], total: inout Int
  ) -> Int {
    let index = program.inputs.firstIndex { $0.name == name } ?? 0
    let roles = program.inputs[index].roles
    gradients.append(
      Place(
        input: index, offset: total, count: extents.count(roles),
        order: domain == roles ? nil : Walk(extents, source: roles, target: domain).targets))
    offsets.append(total)
    total += extents.count(domain)
    return offsets.count - 1
  }

  /// Puts the inputs of a forward call where its plan, and then backward's, finds them.
  func load(_ call: KernelCall) {
    guard let saved = call.saved?.assumingMemoryBound(to: Double.self) else { return }
    for place in inputs {
      ck_load_doubles(saved + place.offset, call.inputs[place.input], Int64(place.count))
    }
  }

  /// Hands out the gradients that a plan left.
  func storeGradients(_ call: KernelCall) {
    guard let saved = call.saved?.assumingMemoryBound(to: Double.self) else { return }
    for place in gradients {
      guard let z = call.inputGradients[place.input] else { continue }
      let a = saved + place.offset
      if let order = place.order {
        for (i, source) in order.enumerated() { z[i] = Float(a[source]) }
      } else {
        ck_store_floats(z, a, Int64(place.count), 0, 0)
      }
    }
  }

  /// The gradients for a tensor without elements.
  func clearGradients(_ call: KernelCall) {
    for place in gradients {
      call.inputGradients[place.input]?.update(repeating: 0, count: place.count)
    }
  }
}
