public import NormaCore
import NormaNorms
import Foundation

extension ModelSpec: Codable {
  private enum Key: String, CodingKey { case name, input, vocabulary, layers, norm, place }

  /// Reads what `encode` wrote.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(
      try container.decode(String.self, forKey: .name),
      input: try container.decode([Int].self, forKey: .input),
      vocabulary: try container.decodeIfPresent(Vocabulary.self, forKey: .vocabulary),
      norm: try container.decodeIfPresent(NormRecord.self, forKey: .norm)?.spec,
      layers: try container.decode([LayerSpec].self, forKey: .layers),
      place: try container.decodeIfPresent(PlaceRecord.self, forKey: .place)?.place)
  }

  /// Writes a JSON object.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    try container.encode(input, forKey: .input)
    try container.encodeIfPresent(vocabulary, forKey: .vocabulary)
    try container.encode(layers, forKey: .layers)
    try container.encodeIfPresent(norm.map(NormRecord.init), forKey: .norm)
    try container.encodeIfPresent(place.map(PlaceRecord.init), forKey: .place)
  }

  /// The model as JSON text with sorted keys.
  public func json() throws(NormaError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    } catch {
      throw NormaError(
        .data, "model '\(name)' cannot be written as JSON", help: "use finite option values",
        underlying: error)
    }
  }

  /// Reads the model from the text that `json()` wrote.
  public init(json: String) throws(NormaError) {
    do {
      self = try JSONDecoder().decode(ModelSpec.self, from: Data(json.utf8))
    } catch {
      throw NormaError(
        .data, "this is no description of a model", help: "it is written by saving a network",
        underlying: error)
    }
  }
}

extension LayerSpec: Codable {
  private enum Key: String, CodingKey { case kind, options, layers, norm, connections, place }

  /// Reads what `encode` wrote.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(
      try container.decode(String.self, forKey: .kind),
      try container.decodeIfPresent([String: OptionValue].self, forKey: .options) ?? [:],
      layers: try container.decodeIfPresent([LayerSpec].self, forKey: .layers) ?? [],
      norm: try container.decodeIfPresent(NormRecord.self, forKey: .norm)?.spec,
      connections: try container.decodeIfPresent([String: String].self, forKey: .connections)
        ?? [:],
      place: try container.decodeIfPresent(PlaceRecord.self, forKey: .place)?.place)
  }

  /// Writes a JSON object without what is empty.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(kind, forKey: .kind)
    if !options.isEmpty { try container.encode(options, forKey: .options) }
    if !layers.isEmpty { try container.encode(layers, forKey: .layers) }
    if !connections.isEmpty { try container.encode(connections, forKey: .connections) }
    try container.encodeIfPresent(norm.map(NormRecord.init), forKey: .norm)
    try container.encodeIfPresent(place.map(PlaceRecord.init), forKey: .place)
  }
}

/// A script place as JSON.
private struct PlaceRecord: Codable {
  let file: String
  let line: Int

  init(_ place: SourcePlace) {
    file = place.file
    line = place.line
  }

  var place: SourcePlace { SourcePlace(file: file, line: line) }
}

/// A norm as JSON: `{"name": "group", "hyper": {"groups": 8}}`.
private struct NormRecord: Codable {
  let name: String
  let hyper: [String: HyperRecord]?
  let preset: String?
  let place: PlaceRecord?

  init(_ spec: NormSpec) {
    name = spec.name
    hyper = spec.hyper.isEmpty ? nil : spec.hyper.mapValues(HyperRecord.init)
    preset = spec.preset
    place = spec.place.map(PlaceRecord.init)
  }

  var spec: NormSpec {
    NormSpec(name, (hyper ?? [:]).mapValues(\.value), preset: preset, place: place?.place)
  }
}

/// A hyper-parameter as a bare JSON value.
///
/// JSON does not tell 1.0 from 1: a whole real comes back as an integer, which every schema accepts for
/// a real.
private struct HyperRecord: Codable {
  let value: HyperValue

  init(_ value: HyperValue) { self.value = value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      value = .none
    } else if let bool = try? container.decode(Bool.self) {
      value = .bool(bool)
    } else if let int = try? container.decode(Int.self) {
      value = .int(int)
    } else if let real = try? container.decode(Double.self) {
      value = .real(real)
    } else {
      value = .choice(try container.decode(String.self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch value {
    case .real(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .bool(let value): try container.encode(value)
    case .choice(let value): try container.encode(value)
    case .ramp(let ramp): try container.encode("\(ramp)")
    case .none: try container.encodeNil()
    }
  }
}
