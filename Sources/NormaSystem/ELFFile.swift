package import NormaCore

/// What can be told of a library's bytes without running any of its code.
///
/// The dynamic loader maps a file before it has looked at all of it and trusts the sizes in it: it dies of
/// a file that was cut off. So all that it will follow is followed here first.
package struct ELFFile {
  private let bytes: [UInt8]
  private let segments: [Segment]

  private struct Segment {
    let kind: Int
    let flags: Int
    let offset: Int
    let address: Int
    let size: Int
  }

  /// Reads the bytes of a file.
  ///
  /// - Throws: `unavailable` when they are no complete shared library for this machine.
  package init(_ bytes: [UInt8]) throws(NormaError) {
    self.bytes = bytes
    guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      throw Self.refusal(bytes.isEmpty ? "it is an empty file" : "it is no compiled library")
    }
    guard bytes.count >= 64 else { throw Self.cut(bytes) }
    guard bytes[4] == 2, bytes[5] == 1 else {
      throw Self.refusal("it is a library for another kind of machine")
    }
    func number(_ at: Int, _ width: Int) -> Int? { Self.number(bytes, at, width) }
    guard number(18, 2) == Self.machine else {
      throw Self.refusal("it is a library for another kind of processor")
    }
    guard number(16, 2) == 3 else {
      throw Self.refusal("it is an object file or a program, no shared library")
    }
    guard let table = number(32, 8), let size = number(54, 2), let count = number(56, 2),
      size >= 56, count > 0, Self.holds(bytes, table, size * count),
      // The table of sections is the last thing a linker writes.
      let sections = number(40, 8), let sectionSize = number(58, 2),
      let sectionCount = number(60, 2), Self.holds(bytes, sections, sectionSize * sectionCount)
    else { throw Self.cut(bytes) }
    var segments: [Segment] = []
    for at in stride(from: table, to: table + size * count, by: size) {
      guard let kind = number(at, 4), let flags = number(at + 4, 4), let offset = number(at + 8, 8),
        let address = number(at + 16, 8), let size = number(at + 32, 8),
        Self.holds(bytes, offset, size)
      else { throw Self.cut(bytes) }
      segments.append(
        Segment(kind: kind, flags: flags, offset: offset, address: address, size: size))
    }
    self.segments = segments
  }

  /// Whether its stack may hold code: it says so, or does not say.
  package var hasExecutableStack: Bool {
    segments.first { $0.kind == 0x6474_e551 }.map { $0.flags & 1 != 0 } ?? true
  }

  /// What the dynamic loader is told.
  package struct Dynamic {
    /// The libraries it needs, by name.
    package var needed: [String] = []
    /// Where it has the loader search for them; nil: nowhere of its own.
    package var searchPath: String?
    /// Whether code is patched when it is loaded.
    package var patchesCode = false
    /// The names that others can link against, in order.
    package var exports: [String] = []
  }

  /// Reads the tables for the dynamic loader.
  ///
  /// - Throws: `unavailable` when they lead outside the file.
  package func dynamic() throws(NormaError) -> Dynamic {
    guard let section = segments.first(where: { $0.kind == 2 }) else {
      throw Self.refusal("it has no table for the dynamic loader")
    }
    var entries: [(tag: Int, value: Int)] = []
    for at in stride(from: section.offset, to: section.offset + section.size - 15, by: 16) {
      guard let tag = number(at, 8), let value = number(at + 8, 8) else { throw Self.cut(bytes) }
      if tag == 0 { break }
      entries.append((tag, value))
    }
    func value(_ tag: Int) -> Int? { entries.first { $0.tag == tag }?.value }
    guard let texts = value(5).flatMap(place), let textBytes = value(10),
      Self.holds(bytes, texts, textBytes)
    else { throw Self.refusal("its table of names lies outside the file") }
    func text(_ index: Int) throws(NormaError) -> String {
      guard index >= 0, index < textBytes,
        let end = bytes[(texts + index)..<(texts + textBytes)].firstIndex(of: 0)
      else { throw Self.refusal("a name lies outside its table of names") }
      return String(decoding: bytes[(texts + index)..<end], as: UTF8.self)
    }
    var result = Dynamic()
    for entry in entries where entry.tag == 1 { result.needed.append(try text(entry.value)) }
    if let path = value(29) ?? value(15) { result.searchPath = try text(path) }
    result.patchesCode = value(22) != nil || (value(30) ?? 0) & 4 != 0
    guard let symbols = value(6).flatMap(place),
      let count = try symbolCount(value(4), value(0x6fff_fef5))
    else { throw Self.refusal("it has no table of symbols") }
    guard Self.holds(bytes, symbols, 24 * count) else {
      throw Self.refusal("its table of symbols lies outside the file")
    }
    for at in stride(from: symbols, to: symbols + 24 * count, by: 24) {
      let (binding, visibility) = (bytes[at + 4] >> 4, bytes[at + 5] & 3)
      let isDefined = bytes[at + 6] != 0 || bytes[at + 7] != 0
      guard isDefined, binding == 1 || binding == 2 || binding == 10,
        visibility == 0 || visibility == 3, let name = number(at, 4)
      else { continue }
      result.exports.append(try text(name))
    }
    return result
  }

  /// How many symbols there are, from the table by which the loader looks them up: old style or GNU's.
  private func symbolCount(_ old: Int?, _ gnu: Int?) throws(NormaError) -> Int? {
    if let at = old.flatMap(place), let count = number(at + 4, 4) { return count }
    guard let at = gnu.flatMap(place), let buckets = number(at, 4), let first = number(at + 4, 4),
      let blooms = number(at + 8, 4), Self.holds(bytes, at + 16, 8 * blooms + 4 * buckets)
    else { return nil }
    let table = at + 16 + 8 * blooms
    var last = 0
    for bucket in 0..<buckets { last = max(last, number(table + 4 * bucket, 4) ?? 0) }
    guard last >= first else { return first }
    // A chain ends with an odd word.
    while let word = number(table + 4 * (buckets + last - first), 4) {
      last += 1
      if word & 1 == 1 { return last }
    }
    throw Self.refusal("its table of symbols lies outside the file")
  }

  /// Where the byte of an address of the loaded library lies in the file.
  private func place(_ address: Int) -> Int? {
    segments.first { $0.kind == 1 && address >= $0.address && address - $0.address < $0.size }
      .map { address - $0.address + $0.offset }
  }

  private func number(_ at: Int, _ width: Int) -> Int? { Self.number(bytes, at, width) }

  /// A little-endian number; nil when it lies outside or is no possible place.
  private static func number(_ bytes: [UInt8], _ at: Int, _ width: Int) -> Int? {
    guard holds(bytes, at, width) else { return nil }
    let value = (0..<width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[at + $1]) }
    return Int(exactly: value)
  }

  private static func holds(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Bool {
    start >= 0 && count >= 0 && start <= bytes.count && count <= bytes.count - start
  }

  private static func cut(_ bytes: [UInt8]) -> NormaError {
    refusal("it is cut short at \(bytes.count) bytes")
  }

  private static func refusal(_ reason: String) -> NormaError {
    NormaError(.unavailable, reason, help: "give a shared library built for this machine")
  }

  #if arch(x86_64)
    private static let machine = 62
  #else
    private static let machine = 183
  #endif
}
