import Foundation
import NormaCore
public import NormaData

/// What is saved of the data with a network: statistics of numbers, or the alphabet of a text.
public struct SavedData: Sendable, Hashable {
  /// What samples are standardised by.
  public let standardization: Standardization?
  /// The bytes that symbols stand for.
  public let alphabet: [UInt8]?
  private let name: String?

  private struct Record: Codable {
    let name: String?
    let mean: [Float]?
    let deviation: [Float]?
    let alphabet: [UInt8]?
  }

  init(_ splits: DataSplits) {
    name = splits.spec.name
    standardization = splits.standardization
    alphabet = splits.train.samples.alphabet
  }

  /// Reads the text that was saved; nothing is known when there is none or it is something else.
  public init(reading text: String?) {
    let record = text.flatMap { text in
      try? JSONDecoder().decode(Record.self, from: Data(text.utf8))
    }
    name = record?.name
    alphabet = record?.alphabet
    if let mean = record?.mean, let deviation = record?.deviation {
      standardization = Standardization(mean: mean, deviation: deviation)
    } else {
      standardization = nil
    }
  }

  /// The text to save; nil when nothing is worth it.
  var text: String? {
    var fields: [JSONValue.Field] = [.init("name", name.map { .text($0) } ?? .null)]
    if let standardization {
      fields.append(.init("mean", .list(standardization.mean.map { .number(Double($0)) })))
      fields.append(
        .init("deviation", .list(standardization.deviation.map { .number(Double($0)) })))
    } else if let alphabet {
      fields.append(.init("alphabet", .list(alphabet.map { .int(Int($0)) })))
    } else {
      return nil
    }
    return JSONValue.object(fields).line
  }
}
