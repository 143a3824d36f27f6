/// The folders that a user's files of one kind go to, as the environment says: XDG Base Directory
/// Specification. A relative path there counts for nothing, so that the working directory never does.
package enum UserFolder: String {
  case cache = "XDG_CACHE_HOME"
  case configuration = "XDG_CONFIG_HOME"
  case data = "XDG_DATA_HOME"

  private var belowHome: String {
    switch self {
    case .cache: "/.cache"
    case .configuration: "/.config"
    case .data: "/.local/share"
    }
  }

  /// Norma's folder of this kind; nil where the environment names no place for it.
  package func path(_ environment: [String: String]) -> String? {
    if let base = environment[rawValue], base.hasPrefix("/") { return base + "/norma" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + belowHome + "/norma"
  }
}
