import CKernels
import NormaCore
import NormaGraph

/// An array of doubles in the shared or the worker's area, and how to address it by role.
struct SmallArray {
  var place: ck_place
  /// Strides in the order of `RoleSet.atoms`; 0 where the value repeats.
  var strides: [Int]

  func advanced(by n: Int) -> SmallArray {
    SmallArray(
      place: ck_place(worker: place.worker, offset: place.offset + Int32(n)), strides: strides)
  }
}

/// Hands out places in the two areas, and knows how arrays are laid out in each.
struct SmallMemory {
  /// Extents of arrays in the shared area.
  let shared: Extents
  /// Extents of arrays in a worker's area: those of one slice.
  let slice: Extents
  /// The slice level; at `rows` all row roles are one axis.
  let level: SliceLevel
  let rowRoles: RoleSet
  /// The atomic roles from outermost to innermost, as the tensor has them in memory.
  private let order: [RoleSet]

  private(set) var sharedDoubles = 0
  private(set) var workerDoubles = 0
  private(set) var sharedFloats = 0
  private(set) var workerFloats = 0

  init(shared: Extents, slice: Extents, level: SliceLevel, form: MatrixForm) {
    self.shared = shared
    self.slice = slice
    self.level = level
    rowRoles = form.rowRoles
    order = form.rowAtoms + RoleSet.atoms.filter(form.innerRoles.contains)
  }

  /// Strides of an array in the tensor's own order of roles; 0 along roles it lacks.
  private func strides(_ roles: RoleSet, _ extents: Extents) -> [Int] {
    var strides = [Int](repeating: 0, count: RoleSet.atoms.count)
    var step = 1
    for atom in order.reversed() where roles.contains(atom) {
      guard let axis = RoleSet.atoms.firstIndex(of: atom) else { continue }
      strides[axis] = step
      step *= extents.counts[axis]
    }
    return strides
  }

  /// How a shared array is addressed.
  func sharedStrides(_ roles: RoleSet) -> [Int] { strides(roles, shared) }

  /// The canonical index (batch, space, channel) of each element of a shared array along `roles`.
  func positions(_ roles: RoleSet) -> [Double] {
    let canonical = shared.strides(roles)
    var found = [0]
    for atom in order where roles.contains(atom) {
      guard let axis = RoleSet.atoms.firstIndex(of: atom) else { continue }
      found = found.flatMap { base in
        (0..<shared.counts[axis]).map { base + $0 * canonical[axis] }
      }
    }
    return found.map(Double.init)
  }

  func extents(worker: Bool) -> Extents { worker ? slice : shared }

  /// The roles as addressed within an area.
  func local(_ domain: RoleSet, worker: Bool) -> RoleSet {
    guard worker else { return domain }
    switch level {
    case .rows:
      let inner = domain.subtracting(rowRoles)
      return domain.isDisjoint(with: rowRoles) ? inner : inner.union(.space)
    case .sample: return domain.subtracting(.batch)
    case .channel: return domain.subtracting(rowRoles.intersection(.channel))
    case .whole: return domain
    }
  }

  func count(_ domain: RoleSet, worker: Bool) -> Int {
    extents(worker: worker).count(local(domain, worker: worker))
  }

  mutating func doubles(_ domain: RoleSet, worker: Bool, planes: Int = 1) -> SmallArray {
    let n = count(domain, worker: worker) * planes
    let offset = worker ? workerDoubles : sharedDoubles
    if worker { workerDoubles += n } else { sharedDoubles += n }
    return SmallArray(
      place: ck_place(worker: worker ? 1 : 0, offset: Int32(offset)),
      strides: strides(local(domain, worker: worker), extents(worker: worker)))
  }

  mutating func floats(_ domain: RoleSet, worker: Bool) -> SmallArray {
    let n = (count(domain, worker: worker) + 15) / 16 * 16
    let offset = worker ? workerFloats : sharedFloats
    if worker { workerFloats += n } else { sharedFloats += n }
    return SmallArray(
      place: ck_place(worker: worker ? 1 : 0, offset: Int32(offset)),
      strides: strides(local(domain, worker: worker), extents(worker: worker)))
  }

  /// The extents of a loop over `domain`, and whether its rows vary from slice to slice.
  func loop(_ domain: RoleSet, worker: Bool) -> (extent: [Int], varying: Bool) {
    let roles = local(domain, worker: worker)
    let all = extents(worker: worker).counts
    let extent = RoleSet.atoms.indices.map { roles.contains(RoleSet.atoms[$0]) ? all[$0] : 1 }
    return (extent, worker && level == .rows && roles.contains(.space))
  }
}

/// Five numbers as the tuple that C sees.
func five(_ v: [Int]) -> (Int64, Int64, Int64, Int64, Int64) {
  (Int64(v[0]), Int64(v[1]), Int64(v[2]), Int64(v[3]), Int64(v[4]))
}

/// The C table's number of each operation.
enum KernelOperation {
  private static let byName: [String: Int32] = {
    var table: [String: Int32] = [:]
    for i in 0..<Int32(CK_OP_COUNT) {
      if let name = ck_operation_name(i) { table[String(cString: name)] = i }
    }
    return table
  }()

  static func index(_ name: String) throws(NormaError) -> Int32 {
    guard let index = byName[name] else {
      throw NormaError(.internal, "operation '\(name)' has no line in the C table")
    }
    return index
  }
}
