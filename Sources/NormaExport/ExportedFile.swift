/// A file of what a norm is exported as.
public struct ExportedFile: Sendable {
  /// Its name.
  public let name: String
  /// Its bytes.
  public let bytes: [UInt8]

  init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }

  init(_ name: String, _ text: String) {
    self.init(name: name, bytes: Array(text.utf8))
  }
}
