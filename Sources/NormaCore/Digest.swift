import CCrypto

/// The SHA-256 hash of some bytes: names and verifies files by their content.
public struct Digest: Hashable, Sendable {
  /// How many bytes a digest has.
  public static let byteCount = 32

  /// The 32 bytes of the hash.
  public let bytes: [UInt8]

  /// Hashes the bytes, in one pass over them.
  ///
  /// - Throws: `unavailable` when the machine's libcrypto refuses SHA-256.
  public init(of content: UnsafeRawBufferPointer) throws(NormaError) {
    var bytes = [UInt8](repeating: 0, count: Digest.byteCount)
    let done = EVP_Digest(content.baseAddress, content.count, &bytes, nil, EVP_sha256(), nil)
    guard done == 1 else {
      throw NormaError(
        .unavailable, "libcrypto cannot compute SHA-256",
        help: "check the OpenSSL configuration of this machine")
    }
    self.bytes = bytes
  }

  /// Hashes the bytes.
  ///
  /// - Throws: `unavailable` when the machine's libcrypto refuses SHA-256.
  public init(of content: some Collection<UInt8>) throws(NormaError) {
    let copy = Array(content)
    let result = copy.withUnsafeBytes { bytes in
      Result { () throws(NormaError) in try Digest(of: bytes) }
    }
    self = try result.get()
  }

  /// The hash as 64 lower-case hexadecimal digits.
  public var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}

extension Digest: CustomStringConvertible {
  /// The hexadecimal digits.
  public var description: String { hexadecimal }
}
