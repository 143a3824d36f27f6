import CKernels
import Foundation
import NormaCompiler

/// Watches the norms at work in one training step; it changes nothing.
final class NormObserver {
  /// What there is to know of a norm's place in the network.
  struct Site {
    let layer: String
    let norm: String
    /// The values as (outer, channels, inner).
    let outer: Int
    let channels: Int
    let inner: Int
    /// What the norm's output went through along with it.
    let activation: Activation?
    let isBeforeRelu: Bool
    let parameters: [StateEntry]
    let buffers: [StateEntry]

    var count: Int { outer * channels * inner }
  }

  /// Whether the passes are of inference now.
  var isInference = false
  private var order: [String] = []
  private var found: [String: NormObservation] = [:]
  private var activations: [String: Activation] = [:]
  private let memory: StateMemory
  private let scratch: Scratch
  private let threads: Int

  /// Memory for copies.
  final class Scratch {
    private(set) var values = UnsafeMutableBufferPointer<Float>.allocate(capacity: 0)

    func room(for count: Int) -> UnsafeMutablePointer<Float>? {
      if values.count < count {
        values.deallocate()
        values = .allocate(capacity: count)
        values.initialize(repeating: 0)
      }
      return values.baseAddress
    }

    deinit { values.deallocate() }
  }

  init(_ memory: StateMemory, scratch: Scratch, threads: Int) {
    self.memory = memory
    self.scratch = scratch
    self.threads = threads
  }

  /// The norms in the order in which they ran.
  var observations: [NormObservation] { order.compactMap { found[$0] } }

  /// Takes in what a norm's forward pass read and wrote.
  func forward(
    _ site: Site, input: UnsafePointer<Float>?, output: UnsafePointer<Float>?,
    took duration: Duration
  ) {
    if isInference {
      // Inference takes up activations that training does not; those outputs cannot be compared.
      guard site.activation == activations[site.layer] else { return }
      found[site.layer]?.inference = output.map { ChannelMoments(site, $0).whole }
      return
    }
    activations[site.layer] = site.activation
    var observation = NormObservation(layer: site.layer, norm: site.norm)
    observation.time.forward = duration / .seconds(1)
    // Before anything else reads the input, which would bring it nearer.
    observation.time.copy = input.map { copyTime($0, site.count) } ?? 0
    if let out = output.map({ ChannelMoments(site, $0) }) {
      observation.output = out.whole
      if site.isBeforeRelu { observation.deadShare = out.deadShare }
    }
    if let moments = input.map({ ChannelMoments(site, $0) }) {
      observation.input = moments.whole
      observation.running = running(site, moments)
    }
    if found.updateValue(observation, forKey: site.layer) == nil { order.append(site.layer) }
  }

  /// Takes in the gradient that a norm's backward pass reads.
  func outputGradient(_ site: Site, _ gradient: UnsafePointer<Float>?) {
    found[site.layer]?.outputGradient = gradient.map { length($0, site) }
  }

  /// Takes in what a norm's backward pass wrote, parameters' gradients among it.
  func inputGradient(
    _ site: Site, _ gradient: UnsafePointer<Float>?, took duration: Duration
  ) {
    found[site.layer]?.time.backward = duration / .seconds(1)
    found[site.layer]?.inputGradient = gradient.map { length($0, site) }
    found[site.layer]?.parameters = site.parameters.map { entry in
      let name = entry.name.split(separator: ".").last.map(String.init) ?? entry.name
      return ParameterObservation(
        name, UnsafeBufferPointer(start: memory.value(entry), count: entry.count),
        gradient: ck_net_sum_of_squares(entry.count, memory.gradient(entry)).squareRoot())
    }
  }

  private func copyTime(_ input: UnsafePointer<Float>, _ count: Int) -> Double {
    guard let room = scratch.room(for: count) else { return 0 }
    let start = ContinuousClock.now
    parallelRanges(count, threads: threads) { first, count in
      (room + first).update(from: input + first, count: count)
    }
    return (ContinuousClock.now - start) / .seconds(1)
  }

  private func length(_ values: UnsafePointer<Float>, _ site: Site) -> Double {
    ck_net_sum_of_squares(site.count, values).squareRoot()
  }

  private func running(_ site: Site, _ batch: ChannelMoments) -> RunningDistance? {
    func buffer(_ name: String) -> UnsafeMutablePointer<Float>? {
      site.buffers.first { $0.name.hasSuffix("." + name) && $0.count == site.channels }
        .map { memory.value($0) }
    }
    guard let means = buffer("mean"), let variances = buffer("variance") else { return nil }
    var (meanSum, varianceSum, count) = (0.0, 0.0, 0)
    for channel in 0..<site.channels {
      let (moments, variance) = (batch[channel], Double(variances[channel]))
      guard moments.deviation > 0, variance > 0 else { continue }
      let distance = (Double(means[channel]) - moments.mean) / moments.deviation
      let ratio = log(variance / (moments.deviation * moments.deviation))
      meanSum += distance * distance
      varianceSum += ratio * ratio
      count += 1
    }
    guard count > 0 else { return nil }
    return RunningDistance(
      mean: (meanSum / Double(count)).squareRoot(),
      variance: (varianceSum / Double(count)).squareRoot())
  }
}

/// The moments of each channel and of all values, exact where the mean is far larger than the spread.
private struct ChannelMoments {
  private var shifts: [Double]
  private var sums: [Double]
  private var squares: [Double]
  private var tops: [Float]
  private let count: Double

  init(_ site: NormObserver.Site, _ values: UnsafePointer<Float>) {
    shifts = [Double](repeating: 0, count: site.channels)
    sums = shifts
    squares = shifts
    tops = [Float](repeating: -.infinity, count: site.channels)
    count = Double(site.outer * site.inner)
    ck_net_channel_moments(
      site.outer, site.channels, site.inner, values, &shifts, &sums, &squares, &tops)
  }

  subscript(channel: Int) -> Moments {
    let above = sums[channel] / count
    return Moments(
      mean: shifts[channel] + above, variance: squares[channel] / count - above * above)
  }

  /// The channels together: their own variances, and that of their means.
  var whole: Moments {
    let channels = sums.indices.map { self[$0] }
    let mean = channels.reduce(0) { $0 + $1.mean } / Double(max(channels.count, 1))
    let variance = channels.reduce(0) { sum, channel in
      let away = channel.mean - mean
      return sum + channel.deviation * channel.deviation + away * away
    }
    return Moments(mean: mean, variance: variance / Double(max(channels.count, 1)))
  }

  var deadShare: Double { Double(tops.count { $0 <= 0 }) / Double(max(tops.count, 1)) }
}

extension Moments {
  fileprivate init(mean: Double, variance: Double) {
    self.mean = mean
    deviation = variance > 0 ? variance.squareRoot() : variance.isNaN ? .nan : 0
  }
}

extension ParameterObservation {
  /// Parts of a histogram.
  static let parts = 24

  fileprivate init(_ name: String, _ given: UnsafeBufferPointer<Float>, gradient: Double) {
    self.name = name
    self.gradient = gradient
    let count = Double(max(given.count, 1))
    let mean = given.reduce(0) { $0 + Double($1) } / count
    let squares = given.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    moments = Moments(mean: mean, variance: squares / count)
    let values = given.lazy.filter(\.isFinite).map(Double.init)
    low = values.min() ?? .nan
    high = values.max() ?? .nan
    var counts = [Int](repeating: 0, count: Self.parts)
    let scale = high > low ? Double(Self.parts) / (high - low) : 0
    for value in values {
      counts[min(max(Int((value - low) * scale), 0), Self.parts - 1)] += 1
    }
    self.counts = counts
  }
}
