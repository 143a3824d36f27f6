import NormaCore

/// A tensor seen as a matrix in memory order: rows × inner, each a list of atomic roles.
///
/// Channels-last: rows are batch × space, inner is channel. Channels-first: rows are batch × channel,
/// inner is space. Any other layout is packed into channels-last form around a call.
struct MatrixForm {
  enum Order { case channelsLast, channelsFirst }

  let order: Order
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

  var rowAtoms: [RoleSet] {
    order == .channelsLast ? [.chunk, .sample, .space] : [.chunk, .sample, .group, .member]
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
  /// The whole tensor, pass by pass.
  case whole

  /// The roles that a slice fixes.
  func lead(_ form: MatrixForm) -> RoleSet {
    switch self {
    case .rows: form.rowRoles
    case .sample: .batch
    case .whole: .none
    }
  }
}
