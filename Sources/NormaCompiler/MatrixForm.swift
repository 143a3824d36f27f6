import NormaCore
import NormaGraph

/// A tensor seen as a matrix in memory order: rows × inner, each a list of atomic roles.
///
/// Channels-last: rows are batch × space, inner is channel; where groups of channels have statistics of
/// their own at each position, rows are batch × space × group, inner is member. Channels-first: rows are
/// batch × channel, inner is space. Any other layout is packed into channels-last form around a call.
struct MatrixForm {
  enum Order { case channelsLast, groupRows, channelsFirst }

  private(set) var order: Order
  /// Whether tensors are copied to this form and back.
  let packed: Bool

  init(_ layout: TensorLayout) {
    // Axes of size 1 lie wherever suits.
    let kinds = layout.shape.indices.filter { layout.shape[$0] != 1 }.map { axis in
      layout.channelAxes.contains(axis) ? 2 : axis == 0 ? 0 : 1
    }
    if !layout.isContiguous {
      (order, packed) = (.channelsLast, true)
    } else if kinds == kinds.sorted() {
      (order, packed) = (.channelsLast, false)
    } else {
      let swapped = kinds.map { $0 == 0 ? 0 : 3 - $0 }
      packed = swapped != swapped.sorted()
      order = packed ? .channelsLast : .channelsFirst
    }
  }

  /// The form that makes rows of groups, where forward has statistics of single groups at single
  /// positions and none across positions, and samples are slices that stay in the cache; else this one.
  func suited(to forward: Graph, _ backward: Graph?, _ extents: Extents) -> MatrixForm {
    guard order == .channelsLast, extents.count(.group) > 1, extents.count(.member) > 1,
      extents.count([.space, .channel]) <= 1 << 16
    else { return self }
    let reduced = forward.nodes.compactMap { node -> RoleSet? in
      guard case .reduce(_, let roles) = node.kind, forward.nodes[node.operands[0]].domain == .all
      else { return nil }
      return roles
    }
    let isPerPosition =
      reduced.contains { $0.isSuperset(of: .member) && $0.isDisjoint(with: .group) }
      && (extents.count(.space) == 1 || reduced.allSatisfy { $0.isDisjoint(with: .space) })
    var candidate = self
    candidate.order = .groupRows
    let isSuited = ([forward] + (backward.map { [$0] } ?? [])).allSatisfy {
      TileNodes($0, extents: extents).level(candidate) == .sample
    }
    return isPerPosition && isSuited ? candidate : self
  }

  /// Whether a tensor has its elements in the order batch, space, channel.
  var isInOrder: Bool { order != .channelsFirst && !packed }

  var rowAtoms: [RoleSet] {
    switch order {
    case .channelsLast: [.chunk, .sample, .space]
    case .groupRows: [.chunk, .sample, .space, .group]
    case .channelsFirst: [.chunk, .sample, .group, .member]
    }
  }
  var rowRoles: RoleSet { RoleSet(rowAtoms) }
  var innerRoles: RoleSet { RoleSet.all.subtracting(rowRoles) }
}

/// Which part of the tensor is worked on while it is in cache.
enum SliceLevel: String {
  /// A block of rows, each of which has its own statistics.
  case rows
  /// One sample, which has its own statistics.
  case sample
  /// One channel, or a block of columns, with statistics of their own, in all samples; for machine code
  /// only.
  case channel
  /// The whole tensor, pass by pass.
  case whole

  /// The roles that a slice fixes.
  func lead(_ form: MatrixForm) -> RoleSet {
    switch self {
    case .rows: form.rowRoles
    case .sample: .batch
    case .channel: .channel
    case .whole: .none
    }
  }
}
