import NormaSystem

/// A piece of memory that a plan needs during part of a step.
///
/// Time runs forward over the operations and then back: `Moment` orders both.
package final class Slot {
  package let bytes: Int
  private(set) var first: Int
  private(set) var last: Int
  /// Where the arrangement put it, in bytes.
  package fileprivate(set) var offset = 0

  package init(bytes: Int, at moment: Moment) {
    self.bytes = bytes
    first = moment.order
    last = moment.order
  }

  /// Makes the slot live at the moment as well.
  package func use(at moment: Moment) {
    first = min(first, moment.order)
    last = max(last, moment.order)
  }

  func overlaps(_ other: Slot) -> Bool { first <= other.last && other.first <= last }
}

/// When an operation runs within a step.
package struct Moment {
  let order: Int

  /// The forward pass of operation `index`.
  package static func forward(_ index: Int) -> Moment { Moment(order: index) }
  /// Between the passes.
  static let turn = Moment(order: 1 << 30)
  /// The backward pass of operation `index`.
  static func backward(_ index: Int) -> Moment { Moment(order: (1 << 31) - index) }
}

/// Gives each slot an offset such that slots alive at the same moment do not overlap.
///
/// Largest first, each at the lowest place that is free during its life. Large ones behind all others begin
/// further and further in a page (`TensorMemory.apart`); what fits between others fills the room there.
/// - Returns: the bytes needed in all.
package func arrange(_ slots: [Slot]) -> Int {
  var placed: [Slot] = []
  var total = 0
  let order = slots.enumerated().sorted {
    ($1.element.bytes, $0.offset) < ($0.element.bytes, $1.offset)
  }
  for (_, slot) in order where slot.bytes > 0 {
    let size = aligned(slot.bytes)
    var (offset, isBetween) = (0, false)
    for other in placed.filter({ $0.overlaps(slot) }).sorted(by: { $0.offset < $1.offset }) {
      isBetween = offset + size <= other.offset
      if isBetween { break }
      offset = max(offset, other.offset + aligned(other.bytes))
    }
    // A page more is little of a large slot.
    let page = TensorMemory.page
    if !isBetween, size >= 16 * page {
      let begin = placed.count * TensorMemory.apart % page
      offset += (begin - offset % page + page) % page
    }
    slot.offset = offset
    placed.append(slot)
    total = max(total, offset + size)
  }
  return total
}

/// The byte count rounded up to a cache line.
func aligned(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
