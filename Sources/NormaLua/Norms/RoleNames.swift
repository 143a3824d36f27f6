import NormaCore
import NormaGraph

/// The words for roles in scripts.
enum RoleNames {
  static let all = ["batch", "space", "channel", "group", "member", "chunk"]

  /// The roles of a parameter or of a tensor that is not split.
  static func role(_ name: String) throws(NormaError) -> RoleSet {
    switch name {
    case "batch": return .batch
    case "space": return .space
    case "channel": return .channel
    case "group": return .group
    case "member": return .member
    case "chunk": return .chunk
    default:
      throw NormaError(
        .script, "no role '\(name)'\(Suggestion.phrase(for: name, among: all))",
        help: "roles: \(all.joined(separator: ", "))")
    }
  }

  /// The roles `names` of a tensor under `splits`: once the batch is in chunks, `batch` is a chunk's.
  static func roles(
    _ names: [String], under splits: Splits, word: String
  ) throws(NormaError) -> RoleSet {
    guard !names.isEmpty else {
      throw NormaError(
        .script, "\(word) needs the roles to go over",
        help: "write x:\(word)(\"channel\"); roles: \(all.joined(separator: ", "))")
    }
    var roles = RoleSet.none
    for name in names {
      var role = try role(name)
      switch (role, splits.chunkSize, splits.groups) {
      case (.batch, .some, _): role = .sample
      case (.chunk, nil, _):
        throw NormaError(
          .script, "\(word) over 'chunk' of a tensor without chunks",
          help: "split the batch first: x:chunk(n)")
      case (.group, _, nil), (.member, _, nil):
        throw NormaError(
          .script, "\(word) over '\(name)' of a tensor without groups",
          help: "split the channels first: x:group(n)")
      default: break
      }
      guard roles.isDisjoint(with: role) else {
        throw NormaError(
          .script, "\(word) goes over '\(name)' twice", help: "name each role once")
      }
      roles.formUnion(role)
    }
    return roles
  }
}
