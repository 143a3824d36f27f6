import Foundation
public import NormaCore
import NormaNetwork

/// Events as TensorBoard reads them: records of protocol buffers.
///
/// Sources: tensorboard/summary/writer/record_writer.py for records, tensorboard/compat/proto/event.proto and
/// summary.proto for what they hold.
struct TensorBoardFile {
  private(set) var bytes: [UInt8] = []

  /// Starts a file.
  init(time: Double) {
    var event = ProtocolBuffer()
    event.double(1, time)
    event.text(3, "brain.Event:2")
    record(event)
  }

  /// Adds a number.
  mutating func scalar(_ tag: String, _ value: Double, step: Int, time: Double) {
    var summary = ProtocolBuffer()
    summary.text(1, tag)
    summary.float(2, Float(value))
    add(summary, step: step, time: time)
  }

  /// Adds the distribution of some values; those that are not finite are left out.
  mutating func histogram(_ tag: String, _ given: [Float], step: Int, time: Double) {
    let values = given.filter(\.isFinite).map(Double.init)
    guard let low = values.min(), let high = values.max() else { return }
    let buckets = 30
    let width = max((high - low) / Double(buckets), .leastNormalMagnitude)
    var counts = [Double](repeating: 0, count: buckets)
    for value in values { counts[min(Int((value - low) / width), buckets - 1)] += 1 }
    histogram(
      tag, low...high, counts: counts, sum: values.reduce(0, +),
      squares: values.reduce(0) { $0 + $1 * $1 }, step: step, time: time)
  }

  /// Adds a distribution by how many values lie in each of equal parts of a range.
  mutating func histogram(
    _ tag: String, _ range: ClosedRange<Double>, counts: [Double], sum: Double, squares: Double,
    step: Int, time: Double
  ) {
    let (low, high, buckets) = (range.lowerBound, range.upperBound, counts.count)
    let width = max((high - low) / Double(buckets), .leastNormalMagnitude)
    var histogram = ProtocolBuffer()
    histogram.double(1, low)
    histogram.double(2, high)
    histogram.double(3, counts.reduce(0, +))
    histogram.double(4, sum)
    histogram.double(5, squares)
    let limits = (1..<buckets + 1).map { $0 == buckets ? high : low + Double($0) * width }
    histogram.doubles(6, limits)
    histogram.doubles(7, counts)
    var summary = ProtocolBuffer()
    summary.text(1, tag)
    summary.message(5, histogram)
    add(summary, step: step, time: time)
  }

  private mutating func add(_ value: ProtocolBuffer, step: Int, time: Double) {
    var summary = ProtocolBuffer()
    summary.message(1, value)
    var event = ProtocolBuffer()
    event.double(1, time)
    event.integer(2, UInt64(max(step, 0)))
    event.message(5, summary)
    record(event)
  }

  private mutating func record(_ event: ProtocolBuffer) {
    let length = Self.littleEndian(UInt64(event.bytes.count))
    bytes += length + Self.littleEndian(Self.masked(length))
    bytes += event.bytes + Self.littleEndian(Self.masked(event.bytes))
  }

  private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  private static func masked(_ bytes: [UInt8]) -> UInt32 {
    let sum = checksum(bytes)
    return (sum >> 15 | sum << 17) &+ 0xa282_ead8
  }

  /// CRC-32C (Castagnoli), RFC 3720 appendix B.4.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82f6_3b78 : sum >> 1 }
  }
}

/// The wire format of protocol buffers, as far as it is needed here.
private struct ProtocolBuffer {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func key(_ field: UInt64, _ type: UInt64) { varint(field << 3 | type) }

  private mutating func fixed(_ value: some FixedWidthInteger) {
    bytes += withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  mutating func integer(_ field: UInt64, _ value: UInt64) {
    key(field, 0)
    varint(value)
  }

  mutating func double(_ field: UInt64, _ value: Double) {
    key(field, 1)
    fixed(value.bitPattern)
  }

  mutating func float(_ field: UInt64, _ value: Float) {
    key(field, 5)
    fixed(value.bitPattern)
  }

  mutating func data(_ field: UInt64, _ data: [UInt8]) {
    key(field, 2)
    varint(UInt64(data.count))
    bytes += data
  }

  mutating func text(_ field: UInt64, _ text: String) { data(field, Array(text.utf8)) }
  mutating func message(_ field: UInt64, _ message: ProtocolBuffer) { data(field, message.bytes) }

  mutating func doubles(_ field: UInt64, _ values: [Double]) {
    var packed = ProtocolBuffer()
    for value in values { packed.fixed(value.bitPattern) }
    data(field, packed.bytes)
  }
}

extension TensorBoardFile {
  /// Adds what the norms did in a step: numbers and parameters' distributions by layer.
  fileprivate mutating func norms(_ event: JSONValue, step: Int, time: Double) {
    func add(_ tag: String, _ value: JSONValue) {
      if let value = value.double { scalar(tag, value, step: step, time: time) }
    }
    add("train/inference_loss", event["inference_loss"])
    for layer in event["layers"].items {
      let name = layer["layer"].string ?? "norm"
      for field in layer.fields {
        add("\(name)/\(field.name)", field.value)
        for part in field.value.fields { add("\(name)/\(field.name)_\(part.name)", part.value) }
      }
      for parameter in layer["parameters"].items {
        let tag = "\(name)/\(parameter["name"].string ?? "parameter")"
        add(tag + "_gradient", parameter["gradient"])
        let counts = parameter["counts"].items.compactMap(\.double)
        guard let low = parameter["low"].double, let high = parameter["high"].double, low <= high,
          let mean = parameter["mean"].double, let deviation = parameter["deviation"].double,
          !counts.isEmpty
        else { continue }
        let count = counts.reduce(0, +)
        histogram(
          tag, low...high, counts: counts, sum: mean * count,
          squares: (deviation * deviation + mean * mean) * count, step: step, time: time)
      }
    }
  }
}

extension SavedRuns {
  /// Writes a folder for TensorBoard: a subfolder a run, with its numbers by step and the distributions of
  /// what it learned.
  ///
  /// - Returns: the files.
  /// - Throws: `io` when it cannot be written; `data` for damaged weights.
  public func writeTensorBoard(to folder: String) throws(NormaError) -> [String] {
    var paths: [String] = []
    for named in runs {
      let start =
        named.run.configuration["started"].string.flatMap {
          try? Date($0, strategy: .iso8601)
        }?.timeIntervalSince1970 ?? 0
      let perStep = (named.run.end?["step_ms"].double ?? 0) / 1000
      func time(_ step: Int) -> Double { start + Double(step) * perStep }
      var file = TensorBoardFile(time: start)
      for event in named.run.events {
        guard let step = event["step"].count else { continue }
        let tags: [(String, String)] =
          switch event["type"].string {
          case "step":
            [
              ("loss", "train/loss"), ("accuracy", "train/accuracy"), ("rate", "train/rate"),
              ("gradient_norm", "train/gradient_norm"),
            ]
          case "eval":
            ["loss", "accuracy"].map { ($0, "\(event["part"].string ?? "eval")/\($0)") }
          default: []
          }
        for (name, tag) in tags {
          if let value = event[name].double {
            file.scalar(tag, value, step: step, time: time(step))
          }
        }
        if event["type"] == "norms" { file.norms(event, step: step, time: time(step)) }
      }
      let weights = named.run.folder + "/final.safetensors"
      if Folder.exists(weights) {
        let step = named.run.end?["steps"].count ?? 0
        for tensor in try SafeTensors(contentsOf: weights).tensors {
          file.histogram(tensor.name, tensor.values, step: step, time: time(step))
        }
      }
      let place = "\(folder)/\(named.name)"
      let path = "\(place)/events.out.tfevents.\(Int(start)).norma.0.0"
      try Folder.make(place)
      try Folder.write(file.bytes, to: path)
      paths.append(path)
    }
    return paths
  }
}
