import Foundation
import NormaCore
import NormaNetwork

/// Where a run stands between two steps: with the network's checkpoint, all that it goes on from.
struct RunProgress: Codable {
  /// Losses and right answers of several steps.
  struct Sum: Codable {
    private var lossSum = 0.0
    private var correct = 0
    private var steps = 0
    private(set) var samples = 0
    var loss: Double { lossSum / Double(max(steps, 1)) }
    var accuracy: Double { Double(correct) / Double(max(samples, 1)) }

    /// Whether more can be added without leaving the range of integers.
    var isSound: Bool {
      [correct, steps, samples].allSatisfy { (0...1 << 50).contains($0) }
    }

    mutating func add(_ result: StepResult) {
      lossSum += result.loss
      correct += result.correct
      steps += 1
      samples += result.count
    }
  }

  /// Steps done.
  var steps = 0
  /// Epochs done, validation included.
  var epochs = 0
  /// The steps of the epoch that is under way.
  var whole = Sum()
  /// The steps since the last that was recorded.
  var recent = Sum()
  /// Seconds that training took.
  var seconds = 0.0
  /// Of these, seconds of the epoch that is under way.
  var epochSeconds = 0.0
  /// What was measured, by name.
  var measures: [String: Double] = [:]
  /// How the value that is watched for an early stop went.
  var stop = StopRule.Course()

  /// The key of a checkpoint's metadata.
  static let key = "norma.progress"
  /// The same for how much of the events belongs to the checkpoint, in bytes.
  static let eventsKey = "norma.events"
  /// The file in a run's folder; it is there while the run is not done.
  static let file = "checkpoint.safetensors"

  var text: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  init() {}

  /// Reads what `text` wrote.
  init?(reading text: String?) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let data = text.map({ Data($0.utf8) }),
      let progress = try? decoder.decode(RunProgress.self, from: data),
      progress.whole.isSound, progress.recent.isSound,
      [progress.steps, progress.epochs, progress.stop.waited].allSatisfy({
        $0 >= 0 && $0 <= 1 << 50
      })
    else { return nil }
    self = progress
  }
}

/// When a run ends before its last step: a measure of the validation part, or of training, that has not
/// become better for some epochs.
public struct StopRule: Sendable, Hashable {
  /// What is watched at the end of each epoch.
  public var measure: Measure
  /// How many epochs in a row it may be no better than its best.
  public var patience: Int
  /// By how much it must be better to count.
  public var least: Double

  /// The measures that can be watched.
  public static let measures: [Measure] = [
    .validationLoss, .validationAccuracy, .trainLoss, .trainAccuracy,
  ]

  /// Makes a rule.
  public init(_ measure: Measure = .validationLoss, patience: Int, least: Double = 0) {
    self.measure = measure
    self.patience = patience
    self.least = least
  }

  /// The best value so far, and how many epochs have not reached it.
  struct Course: Codable {
    var best: Double?
    var waited = 0
    var isOver = false
  }

  /// Takes in an epoch's value.
  func follow(_ value: Double, _ course: inout Course) {
    guard value.isFinite else {
      course.waited += 1
      course.isOver = course.waited >= patience
      return
    }
    let gain = course.best.map { measure.isBetterHigh ? value - $0 : $0 - value }
    if gain.map({ $0 > least }) ?? true {
      course.best = value
      course.waited = 0
    } else {
      course.waited += 1
    }
    course.isOver = course.waited >= patience
  }

  var json: JSONValue {
    [
      "value": .text(measure.rawValue), "patience": .int(patience), "least": .number(least),
    ]
  }
}
