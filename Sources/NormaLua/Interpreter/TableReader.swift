public import NormaCore

/// The options of a constructor, `nn.conv { 32, kernel = 3 }`: a list part and named fields.
///
/// Reads the table once, so that later changes by the script do not matter. Iterate `names`, which
/// are sorted: Lua's own order differs from run to run.
public struct TableReader {
  /// Who reads, first word of the messages: "nn.conv".
  public let owner: String
  /// The field of the owner that this table is, when it is a nested one: "train".
  public let part: String?
  /// The items 1, 2, ...
  public let items: [LuaValue]
  private let fields: [String: LuaValue]

  /// Reads a table; nil reads as an empty one. Throws for a list with gaps and for odd keys.
  public init(_ table: TableRef?, owner: String, part: String? = nil) throws(NormaError) {
    var fields: [String: LuaValue] = [:]
    var numbered: [Int: LuaValue] = [:]
    for (key, value) in try table?.pairs() ?? [] {
      switch key {
      case .string(let name): fields[name] = value
      case .int(let index): numbered[index] = value
      default:
        throw NormaError(.script, "\(owner): \(key.quoted) cannot be the name of a field")
      }
    }
    var items: [LuaValue] = []
    while let item = numbered[items.count + 1] { items.append(item) }
    if let stray = numbered.keys.filter({ $0 < 1 || $0 > items.count }).min() {
      let absent = stray < 1 ? stray + 1 : items.count + 1
      throw NormaError(
        .script, "\(owner): the list has an item \(stray) but no item \(absent)",
        help: "an item that is nil leaves a gap: is a name misspelt?")
    }
    self.owner = owner
    self.part = part
    self.items = items
    self.fields = fields
  }

  /// The options of a call with one argument that is no table.
  public init(single: LuaValue, owner: String) {
    self.owner = owner
    part = nil
    items = [single]
    fields = [:]
  }

  /// The names of the fields given, sorted.
  public var names: [String] { fields.keys.sorted() }

  /// True when a field was given.
  public func has(_ name: String) -> Bool { fields[name] != nil }

  /// The field as it is; nil when absent.
  public subscript(name: String) -> LuaValue { fields[name] ?? .nil }

  /// The field, or nil when it is absent; throws when it is something else.
  public func optional<Value: LuaConvertible>(
    _ name: String, as type: Value.Type = Value.self
  ) throws(NormaError) -> Value? {
    guard let given = fields[name] else { return nil }
    guard let value = Value.from(lua: given) else {
      throw error("'\(name)'\(place) must be \(Value.luaExpectation), got \(given.quoted)")
    }
    return value
  }

  /// The field, or `initial` when it is absent.
  public func value<Value: LuaConvertible>(
    _ name: String, default initial: Value
  ) throws(NormaError) -> Value {
    try optional(name) ?? initial
  }

  /// The field; throws when it is absent or something else.
  public func required<Value: LuaConvertible>(
    _ name: String, as type: Value.Type = Value.self
  ) throws(NormaError) -> Value {
    guard let value = try optional(name, as: type) else {
      throw error("'\(name)'\(place) is missing: give \(Value.luaExpectation)")
    }
    return value
  }

  /// The item at `index` from 0, which messages call `name`; nil when absent.
  public func optionalItem<Value: LuaConvertible>(
    _ index: Int, _ name: String, as type: Value.Type = Value.self
  ) throws(NormaError) -> Value? {
    guard items.indices.contains(index) else { return nil }
    guard let value = Value.from(lua: items[index]) else {
      throw error(
        "the \(name)\(place) must be \(Value.luaExpectation), got \(items[index].quoted)")
    }
    return value
  }

  /// The item at `index` from 0; throws when it is absent or something else.
  public func item<Value: LuaConvertible>(
    _ index: Int, _ name: String, as type: Value.Type = Value.self
  ) throws(NormaError) -> Value {
    guard let value = try optionalItem(index, name, as: type) else {
      throw error(
        "the \(name)\(place) is missing: give \(Value.luaExpectation) as item \(index + 1)")
    }
    return value
  }

  /// The options in a field that is a table itself; an absent one reads as empty.
  public func nested(_ name: String) throws(NormaError) -> TableReader {
    let path = part.map { "\($0).\(name)" } ?? name
    return try TableReader(optional(name, as: TableRef.self), owner: owner, part: path)
  }

  /// A field that is one of some words.
  func word<Word: RawRepresentable & CaseIterable>(
    _ name: String, default value: Word
  ) throws(NormaError) -> Word where Word.RawValue == String {
    guard let text = try optional(name, as: String.self) else { return value }
    if let word = Word(rawValue: text) { return word }
    let words = Word.allCases.map(\.rawValue)
    throw error(
      "'\(name)' must be one of \(words.joined(separator: ", ")), got '\(text)'"
        + Suggestion.phrase(for: text, among: words))
  }

  /// Throws for the first field (by name) that is not in `known`, suggesting the nearest.
  public func rejectUnknown(known: [String], noun: String = "field") throws(NormaError) {
    guard let unknown = names.first(where: { !known.contains($0) }) else { return }
    throw error(
      "no \(noun) '\(unknown)'\(place)\(Suggestion.phrase(for: unknown, among: known))",
      help: known.isEmpty ? "it has none" : "it has: \(known.joined(separator: ", "))")
  }

  /// Throws when there are more than `limit` items; `help` says what to write, where names are no remedy.
  public func rejectItems(beyond limit: Int, help: String? = nil) throws(NormaError) {
    guard items.count > limit else { return }
    throw error(
      "at most \(limit) \(limit == 1 ? "item is" : "items are") taken\(place), got \(items.count)",
      help: help ?? "name the others: name = \(items[limit].quoted)")
  }

  /// An error that begins with the owner's name.
  public func error(_ message: String, help: String? = nil) -> NormaError {
    NormaError(.script, "\(owner): \(message)", help: help)
  }

  private var place: String { part.map { " in \($0)" } ?? "" }
}
