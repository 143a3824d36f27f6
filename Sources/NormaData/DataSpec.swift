/// Which data an experiment uses: a set, how many samples of it, and how they are prepared.
public struct DataSpec: Sendable, Hashable, Codable {
  /// A registered name such as `fashion-mnist`, or the path of a folder.
  public var name: String
  /// The number of training samples; nil means all that validation leaves.
  public var train: Int?
  /// The number of validation samples, drawn from the training files; nil means none.
  public var validate: Int?
  /// The number of test samples; nil means all test files, or none where a set has no test files.
  public var test: Int?
  /// The seed of the draw, and of generated samples.
  public var seed: UInt64
  /// Whether samples are standardised by the training part's mean and deviation.
  public var standardize: Bool
  /// The settings of generated sets.
  public var options: [String: Double]

  /// Makes a specification.
  public init(
    _ name: String, train: Int? = nil, validate: Int? = nil, test: Int? = nil, seed: UInt64 = 0,
    standardize: Bool = true, options: [String: Double] = [:]
  ) {
    self.name = name
    self.train = train
    self.validate = validate
    self.test = test
    self.seed = seed
    self.standardize = standardize
    self.options = options
  }
}
