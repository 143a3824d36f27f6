import NormaCore

/// The file of one library in the cache: the library, then a mark, the key it was made for, and the
/// hash of all that. The loader ignores what follows a library, so the file is one itself.
enum CacheEntry {
  private static let mark = Array("\nnorma native 1\n".utf8)
  private static var trailerCount: Int { mark.count + 2 * Digest.byteCount }

  /// The file's bytes.
  static func file(of library: [UInt8], key: Digest) throws(NormaError) -> [UInt8] {
    let content = library + mark + key.bytes
    return content + (try Digest(of: content)).bytes
  }

  /// The library in the file; nil when the file is cut off, altered, or was made for another key.
  static func library(in file: [UInt8], key: Digest) throws(NormaError) -> [UInt8]? {
    guard file.count > trailerCount else { return nil }
    let content = file.dropLast(Digest.byteCount)
    guard content.suffix(Digest.byteCount).elementsEqual(key.bytes),
      content.dropLast(Digest.byteCount).suffix(mark.count).elementsEqual(mark),
      try Digest(of: content).bytes.elementsEqual(file.suffix(Digest.byteCount))
    else { return nil }
    return Array(file.dropLast(trailerCount))
  }
}
