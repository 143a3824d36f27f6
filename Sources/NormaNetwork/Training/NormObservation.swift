/// What the norms of a network did in one training step, before it updated the parameters.
public struct StepObservation: Sendable, Hashable {
  /// The norms, in the order of the layers.
  public let norms: [NormObservation]
  /// The mean loss of the same samples in inference mode, with the running statistics as the step left
  /// them: what training and inference differ by.
  public let inferenceLoss: Double
}

/// What one norm did in a training step.
public struct NormObservation: Sendable, Hashable {
  /// The layer, such as `3.norm`.
  public let layer: String
  /// The registry name.
  public let norm: String
  /// Of the values that came in, a residual added.
  public internal(set) var input = Moments()
  /// Of the values that went out; of a relu's output where the norm did its work.
  public internal(set) var output = Moments()
  /// Of what went out for the same samples in inference mode; nil where an activation other than relu comes
  /// next, which the norm takes up in inference alone.
  public internal(set) var inference: Moments?
  /// The Euclidean length of the loss's gradient with respect to the output.
  public internal(set) var outputGradient: Double?
  /// The same with respect to the input; with a skip connection's gradient where the norm added that.
  public internal(set) var inputGradient: Double?
  /// The share of channels that relu, which comes next, sets to zero for every sample; nil before any
  /// other layer.
  public internal(set) var deadShare: Double?
  /// How far running statistics are from the batch's; nil without buffers `mean` and `variance` per channel.
  public internal(set) var running: RunningDistance?
  /// What is learned.
  public internal(set) var parameters: [ParameterObservation] = []
  /// How long it took.
  public internal(set) var time = NormTime()
}

/// How long a norm took in one step.
public struct NormTime: Sendable, Hashable {
  /// Seconds of the forward pass.
  public internal(set) var forward = 0.0
  /// Seconds of the backward pass.
  public internal(set) var backward = 0.0
  /// Seconds that copying the norm's input takes on as many threads, right after the forward pass.
  public internal(set) var copy = 0.0
}

/// The mean and the standard deviation of many values.
public struct Moments: Sendable, Hashable {
  /// The mean.
  public var mean = 0.0
  /// The standard deviation.
  public var deviation = 0.0
}

/// How far running statistics are from those of a batch: root mean squares over the channels.
public struct RunningDistance: Sendable, Hashable {
  /// Of (running mean - batch mean) / batch deviation.
  public let mean: Double
  /// Of the logarithm of running variance / batch variance.
  public let variance: Double
}

/// The values of a parameter and its gradient.
public struct ParameterObservation: Sendable, Hashable {
  /// The name within the norm, such as `gamma`.
  public let name: String
  /// Mean and standard deviation.
  public let moments: Moments
  /// The smallest value.
  public let low: Double
  /// The largest value.
  public let high: Double
  /// How many finite values lie in each of equal parts of `low...high`.
  public let counts: [Int]
  /// The Euclidean length of the gradient.
  public let gradient: Double
}
