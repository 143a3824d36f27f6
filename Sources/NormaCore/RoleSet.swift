/// The parts that a tensor's axes play in a norm.
///
/// A definition names roles and never counts axes, so one definition serves `[N,C]`, `[N,T,C]`,
/// `[N,H,W,C]` and `[N,C,H,W]`. The five atomic roles are `chunk`, `sample`, `space`, `group` and
/// `member`. `channel` is group × member and `batch` is chunk × sample; where a definition splits
/// neither, there is one group and one chunk.
public struct RoleSet: OptionSet, Hashable, Sendable, Codable {
  /// One bit an atomic role.
  public let rawValue: UInt8

  /// Makes a set from its bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The outer part of a split batch.
  public static let chunk = RoleSet(rawValue: 1)
  /// The inner part of the batch.
  public static let sample = RoleSet(rawValue: 2)
  /// All axes that are neither batch nor channel.
  public static let space = RoleSet(rawValue: 4)
  /// The outer part of split channels.
  public static let group = RoleSet(rawValue: 8)
  /// The inner part of the channels.
  public static let member = RoleSet(rawValue: 16)
  /// Axis 0, unless it is a channel axis.
  public static let batch: RoleSet = [.chunk, .sample]
  /// The feature axes.
  public static let channel: RoleSet = [.group, .member]
  /// Every role: the domain of a full tensor.
  public static let all: RoleSet = [.batch, .space, .channel]
  /// No role: the domain of a scalar.
  public static let none: RoleSet = []

  /// The atomic roles in the order of `Extents`.
  public static let atoms: [RoleSet] = [.chunk, .sample, .space, .group, .member]

  /// The words of the definition language: `batch`, `space`, `channel`, and the halves of splits.
  public var names: [String] {
    var names: [String] = []
    if contains(.batch) {
      names.append("batch")
    } else if contains(.chunk) {
      names.append("chunk")
    } else if contains(.sample) {
      names.append("sample")
    }
    if contains(.space) { names.append("space") }
    if contains(.channel) {
      names.append("channel")
    } else if contains(.group) {
      names.append("group")
    } else if contains(.member) {
      names.append("member")
    }
    return names
  }
}

extension RoleSet: CustomStringConvertible {
  /// The names, separated by commas.
  public var description: String { names.joined(separator: ",") }
}

/// How many elements each atomic role has.
public struct Extents: Hashable, Sendable {
  /// Counts in the order of `RoleSet.atoms`.
  public var counts: [Int]

  /// Makes extents from the five counts.
  public init(chunk: Int = 1, sample: Int, space: Int, group: Int = 1, member: Int) {
    counts = [chunk, sample, space, group, member]
  }

  /// The product of the counts of `roles`.
  public func count(_ roles: RoleSet) -> Int {
    var product = 1
    for (index, atom) in RoleSet.atoms.enumerated() where roles.contains(atom) {
      product *= counts[index]
    }
    return product
  }
}
