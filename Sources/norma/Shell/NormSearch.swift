import Foundation
import NormaPlugins
import NormaSystem

/// Where norms in files of their own are looked for.
enum NormSearch {
  /// The folders there are, the first of which counts: those of `NORMA_PLUGIN_PATH`, the user's own
  /// (`norma/norms` in the folder for data), and the zoo that comes with Norma.
  static func folders(_ environment: [String: String]) -> [String] {
    let path = environment[PluginLoader.searchPathVariable] ?? ""
    var folders = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
    if let data = UserFolder.data.path(environment) { folders.append(data + "/norms") }
    if let zoo { folders.append(zoo) }
    return folders.filter(isFolder)
  }

  /// The zoo, which comes with Norma.
  private static var zoo: String? { besideProgram(["share/norma/zoo", "Plugins/zoo"]) }

  /// The first of some places that is there, from where the program lies: in a checkout, or installed.
  static func besideProgram(_ places: [String]) -> String? {
    var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    for _ in 0..<6 {
      folder.deleteLastPathComponent()
      for place in places {
        let path = folder.appendingPathComponent(place).path
        if FileManager.default.fileExists(atPath: path) { return path }
      }
    }
    return nil
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }
}
