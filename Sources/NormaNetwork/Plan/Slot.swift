import NormaSystem

/// A piece of memory that a plan needs during part of a step.
///
/// Time runs forward over the operations and then back: `Moment` orders both.
final class Slot {
  let bytes: Int
  private(set) var first: Int
  private(set) var last: Int
  /// Where the arrangement put it, in bytes.
  var offset = 0

  init(bytes: Int, at moment: Moment) {
    self.bytes = bytes
    first = moment.order
    last = moment.order
  }

  /// Makes the slot live at the moment as well.
  func use(at moment: Moment) {
    first = min(first, moment.order)
    last = max(last, moment.order)
  }

  func overlaps(_ other: Slot) -> Bool { first <= other.last && other.first <= last }
}

/// When an operation runs within a step.
struct Moment {
  let order: Int

  /// The forward pass of operation `index`.
  static func forward(_ index: Int) -> Moment { Moment(order: index) }
  /// Between the passes.
  static let turn = Moment(order: 1 << 30)
  /// The backward pass of operation `index`.
  static func backward(_ index: Int) -> Moment { Moment(order: (1 << 31) - index) }
}

/// Gives each slot an offset such that slots alive at the same moment do not overlap.
///
/// Largest first, each at the lowest place that is free during its life.
/// - Returns: the bytes needed in all.
func arrange(_ slots: [Slot]) -> Int {
  var placed: [Slot] = []
  var total = 0
  let order = slots.enumerated().sorted {
    ($1.element.bytes, $0.offset) < ($0.element.bytes, $1.offset)
  }
  for (_, slot) in order where slot.bytes > 0 {
    let size = room(slot.bytes)
    var offset = 0
    for other in placed.filter({ $0.overlaps(slot) }).sorted(by: { $0.offset < $1.offset }) {
      if offset + size <= other.offset { break }
      offset = max(offset, other.offset + room(other.bytes))
    }
    slot.offset = offset
    placed.append(slot)
    total = max(total, offset + size)
  }
  return total
}

/// What a slot takes: behind whole pages the next had better not begin at the same place of one.
private func room(_ bytes: Int) -> Int {
  aligned(bytes) + (bytes < 1 << 14 ? 0 : TensorMemory.apart)
}

/// The byte count rounded up to a cache line.
func aligned(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
