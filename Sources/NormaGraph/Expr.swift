public import NormaCore

/// A node of a norm's formula: an immutable value that knows its domain and where it was written.
///
/// An expression holds no numbers. Its `domain` is the set of roles along which its value varies;
/// element-wise operations broadcast to the union of domains, reductions remove roles. Operators
/// cannot throw in Swift, so a mistake is kept in `failure` and travels to whoever builds a graph.
public final class Expr: Sendable {
  /// What the node computes.
  public let kind: Kind
  /// The nodes it is computed from.
  public var operands: [Expr] { parts }
  // SAFETY: changed only by deinit, and only on a node that nobody else refers to.
  nonisolated(unsafe) private var parts: [Expr]
  /// The roles along which the value varies.
  public let domain: RoleSet
  /// How roles were split on the way here.
  public let splits: Splits
  /// Whether sums over neighbours go into the value.
  public let hasWindows: Bool
  /// The channels that are meant, where these are not all; nil for a value without channels.
  public let slice: ChannelSlice?
  /// The script line that wrote it, when known.
  public let place: SourcePlace?
  /// The first mistake on the way here.
  public let failure: NormaError?

  /// What a node is.
  public enum Kind: Hashable, Sendable {
    /// An input tensor; `x` is the main one.
    case input(String)
    /// The gradient that arrives at an output.
    case outputGradient(String)
    /// A real hyper-parameter; its value comes with each call.
    case hyper(String)
    /// A learned parameter.
    case parameter(String)
    /// A buffer's value before the step.
    case buffer(String)
    /// A number.
    case constant(Double)
    /// How many elements the roles have.
    case count(RoleSet)
    /// A small value kept from forward to backward, by number.
    case saved(Int)
    /// The linear index of an element within the roles.
    case position(RoleSet)
    /// An element-wise operation.
    case map(Elementwise)
    /// A reduction over roles.
    case reduce(Reduction, RoleSet)
    /// Sums over neighbours.
    case window(Window)
    /// The operand, with no gradient.
    case stopGradient

    var isMap: Bool { if case .map = self { true } else { false } }
    var isWindow: Bool { if case .window = self { true } else { false } }
  }

  init(
    _ kind: Kind, _ operands: [Expr] = [], domain: RoleSet, splits: Splits? = nil,
    slice: ChannelSlice? = nil, place: SourcePlace? = nil, failure: NormaError? = nil
  ) {
    self.kind = kind
    parts = operands
    self.domain = domain
    let place = place ?? ExprPlace.current
    self.place = place
    var merged = splits ?? Splits()
    var problem = failure ?? operands.lazy.compactMap(\.failure).first
    for operand in operands {
      do throws(NormaError) {
        merged = try merged.merged(with: operand.splits)
      } catch {
        problem = problem ?? error.at(place)
      }
    }
    let (shared, clash) = ChannelSlice.shared(by: operands, of: kind)
    self.slice = domain.isDisjoint(with: .channel) ? nil : slice ?? shared
    self.splits = merged
    hasWindows = kind.isWindow || operands.contains(where: \.hasWindows)
    self.failure = problem ?? clash?.at(place)
  }

  /// The same node, with other channels meant.
  init(copying other: Expr, slice: ChannelSlice?) {
    kind = other.kind
    parts = other.operands
    domain = other.domain
    splits = other.splits
    hasWindows = other.hasWindows
    self.slice = slice
    place = other.place
    failure = other.failure
  }

  /// Frees a long chain of nodes one by one: freeing it by recursion could overflow the stack.
  deinit {
    var pending = parts
    parts = []
    while var node = pending.popLast() {
      guard isKnownUniquelyReferenced(&node) else { continue }
      pending += node.parts
      node.parts = []
    }
  }

  /// The number, when the node is a constant.
  public var constantValue: Double? {
    if case .constant(let value) = kind { value } else { nil }
  }

  /// The same node carrying a mistake.
  func failing(_ message: String, help: String? = nil) -> Expr {
    Expr(
      kind, operands, domain: domain, splits: splits, slice: slice, place: place,
      failure: failure ?? NormaError(.script, message, place: ExprPlace.current, help: help))
  }
}

/// The script line that new nodes are attributed to.
public enum ExprPlace {
  /// Set by a front end (Lua) around each operation it forwards.
  @TaskLocal public static var current: SourcePlace?
}

/// How a definition splits roles: channels into groups, the batch into chunks.
public struct Splits: Hashable, Sendable {
  /// The number of groups the channels are split into.
  public var groups: Int?
  /// The number of samples in each chunk of the batch.
  public var chunkSize: Int?

  /// No split, or the given ones.
  public init(groups: Int? = nil, chunkSize: Int? = nil) {
    self.groups = groups
    self.chunkSize = chunkSize
  }

  /// The splits that go into several expressions.
  ///
  /// - Throws: `script` where they split differently.
  public init(of expressions: [Expr]) throws(NormaError) {
    for expression in expressions { self = try merged(with: expression.splits) }
  }

  func merged(with other: Splits) throws(NormaError) -> Splits {
    var result = self
    if let theirs = other.groups {
      if let ours = groups, ours != theirs {
        throw NormaError(
          .script, "a tensor of \(ours) groups does not combine with one of \(theirs) groups",
          help: "split the channels once")
      }
      result.groups = theirs
    }
    if let theirs = other.chunkSize {
      if let ours = chunkSize, ours != theirs {
        throw NormaError(
          .script, "a batch in chunks of \(ours) does not combine with chunks of \(theirs)",
          help: "split the batch once")
      }
      result.chunkSize = theirs
    }
    return result
  }

  /// The extents of a tensor under these splits.
  public func extents(batch: Int, space: Int, channels: Int) throws(NormaError) -> Extents {
    let groups = groups ?? 1
    guard groups >= 1, channels % groups == 0 else {
      throw NormaError(
        .usage, "\(groups) groups do not divide the \(channels) channels",
        help: Splits.divisors(channels))
    }
    let size = chunkSize ?? batch
    guard batch == 0 || (size >= 1 && batch % size == 0) else {
      throw NormaError(
        .usage, "chunks of \(size) samples do not divide the batch of \(batch)",
        help: "choose a chunk size among " + Splits.divisors(batch))
    }
    let chunks = chunkSize == nil || batch == 0 ? 1 : batch / size
    return Extents(
      chunk: chunks, sample: batch / chunks, space: space, group: groups,
      member: channels / groups)
  }

  /// The divisors of `n`, for a hint.
  public static func divisors(_ n: Int) -> String {
    guard n > 0 else { return "none" }
    var found: [Int] = []
    var i = 1
    while i * i <= n {
      if n % i == 0 {
        found.append(i)
        if i * i != n { found.append(n / i) }
      }
      i += 1
    }
    return found.sorted().map(String.init).joined(separator: " ")
  }
}
