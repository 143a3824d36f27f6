import Foundation
public import NormaData

/// The statistics of the training data, as they are saved with a network.
public enum SavedStatistics {
  private struct Record: Codable {
    let name: String?
    let mean: [Float]
    let deviation: [Float]
  }

  /// Reads the text that was saved; nil when there is none or it is something else.
  public static func read(_ text: String?) -> Standardization? {
    guard let text, let record = try? JSONDecoder().decode(Record.self, from: Data(text.utf8))
    else { return nil }
    return Standardization(mean: record.mean, deviation: record.deviation)
  }
}
