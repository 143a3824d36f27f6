import Foundation
import NormaCompiler
import NormaCore
import Testing

/// Caches that fail: the machine code is there all the same, with a note where the user can help.
@Suite struct NativeCacheTests {
  private let text = NativeWorkshop.text(8)

  /// A workshop whose cache holds the text, and the path of its entry.
  private func filled() throws -> (NativeWorkshop, compiler: String, entry: String) {
    let workshop = try NativeWorkshop()
    let compiler = try workshop.wrapper()
    #expect(workshop.session(compiler).answer(text) == 8)
    let name = try #require(workshop.entries.first)
    return (workshop, compiler, "\(workshop.cache)/\(name)")
  }

  private func expectRepair(
    _ workshop: NativeWorkshop, _ compiler: String, location: SourceLocation = #_sourceLocation
  ) {
    let session = workshop.session(compiler)
    #expect(session.answer(text) == 8, sourceLocation: location)
    #expect(workshop.compilations == 2, sourceLocation: location)
    #expect(session.notes.count == 1, sourceLocation: location)
    #expect(session.notes.first?.contains("damaged") == true, sourceLocation: location)
    let third = workshop.session(compiler)
    #expect(third.answer(text) == 8, sourceLocation: location)
    #expect(third.notes == [], sourceLocation: location)
    #expect(workshop.compilations == 2, sourceLocation: location)
  }

  @Test(arguments: [0, 1, 100, 5000, -1])
  func truncatedEntryIsMadeAgain(length: Int) throws {
    let (workshop, compiler, entry) = try filled()
    let whole = try Data(contentsOf: URL(fileURLWithPath: entry))
    let kept = length < 0 ? whole.count + length : length
    #expect(kept < whole.count)
    try whole.prefix(kept).write(to: URL(fileURLWithPath: entry))
    expectRepair(workshop, compiler)
  }

  @Test(arguments: [0.0, 0.3, 0.7, 0.9999])
  func alteredByteIsFound(place: Double) throws {
    let (workshop, compiler, entry) = try filled()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: entry))
    bytes[Int(place * Double(bytes.count))] ^= 0x10
    try bytes.write(to: URL(fileURLWithPath: entry))
    expectRepair(workshop, compiler)
  }

  @Test func entryOfAnotherKeyIsNotTaken() throws {
    let (workshop, compiler, entry) = try filled()
    let other = try NativeToolchain(environment: workshop.environment(compiler))
      .key(for: NativeWorkshop.text(9))
    try FileManager.default.copyItem(atPath: entry, toPath: "\(workshop.cache)/\(other).so")
    #expect(workshop.session(compiler).answer(NativeWorkshop.text(9)) == 9)
    #expect(workshop.compilations == 2)
  }

  @Test func folderIsMadeForTheUserAlone() throws {
    let workshop = try NativeWorkshop()
    let home = workshop.root + "/home"
    var environment = workshop.environment(try workshop.wrapper())
    environment["NORMA_CACHE"] = nil
    environment["XDG_CACHE_HOME"] = nil
    environment["HOME"] = home
    #expect(NativeSession(environment: environment, cores: 1).answer(text) == 8)
    let folder = home + "/.cache/norma/native"
    let mode = try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int
    #expect(mode == 0o700)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    environment["XDG_CACHE_HOME"] = workshop.root + "/xdg"
    #expect(try NativeCache(environment: environment).path == workshop.root + "/xdg/norma/native")
    environment["NORMA_CACHE"] = workshop.root + "/mine"
    #expect(try NativeCache(environment: environment).path == workshop.root + "/mine")
  }

  private func expectRefusal(
    _ workshop: NativeWorkshop, _ why: String, cache: String? = nil,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let session = workshop.session(try workshop.wrapper(), cache: cache)
    #expect(session.answer(text) == 8, sourceLocation: location)
    #expect(session.answer(NativeWorkshop.text(9)) == 9, sourceLocation: location)
    #expect(session.notes.count == 1, sourceLocation: location)
    let note = try #require(session.notes.first, sourceLocation: location)
    #expect(note.contains("compiled kernels cannot be kept in '"), sourceLocation: location)
    #expect(note.contains(why), sourceLocation: location)
    #expect(note.contains("NORMA_CACHE"), sourceLocation: location)
  }

  @Test(arguments: [0o720, 0o702, 0o777])
  func folderThatOthersMayWriteIsRefused(mode: mode_t) throws {
    let workshop = try NativeWorkshop()
    mkdir(workshop.cache, 0o700)
    chmod(workshop.cache, mode)
    try expectRefusal(workshop, "others may write in it")
    #expect(workshop.entries == [])
  }

  @Test func symbolicLinkIsRefused() throws {
    let workshop = try NativeWorkshop()
    mkdir(workshop.root + "/target", 0o700)
    symlink(workshop.root + "/target", workshop.cache)
    try expectRefusal(workshop, "it is a symbolic link")
    #expect(workshop.entries == [])
  }

  @Test func folderOfAnotherUserIsRefused() throws {
    let workshop = try NativeWorkshop()
    // Whoever runs this is root and gives a folder away, or is not and finds root's.
    var folder = "/"
    if geteuid() == 0 {
      folder = workshop.cache
      mkdir(folder, 0o700)
      #expect(chown(folder, 12345, 12345) == 0)
    }
    try expectRefusal(workshop, "it belongs to another user", cache: folder)
  }

  @Test func readOnlyFolder() throws {
    let workshop = try NativeWorkshop()
    var folder = workshop.cache
    if geteuid() == 0 {
      // Permissions do not stop root, the system's own folders do.
      folder = "/sys/kernel"
    } else {
      mkdir(folder, 0o500)
    }
    // Which of the system's reasons it is depends on how the folder comes to be read-only.
    try expectRefusal(workshop, "in '\(folder)'", cache: folder)
    chmod(workshop.cache, 0o700)
  }

  @Test func fileInTheFoldersPlace() throws {
    let workshop = try NativeWorkshop()
    #expect(FileManager.default.createFile(atPath: workshop.cache, contents: nil))
    try expectRefusal(workshop, "Not a directory")
  }

  @Test func fullDisk() throws {
    let workshop = try NativeWorkshop()
    let folder = workshop.cache
    let cache = Result { () throws(NormaError) in
      try NativeCache(path: folder) { file, bytes, count in
        guard count < 4096 else { return write(file, bytes, 4096) }
        errno = ENOSPC
        return -1
      }
    }
    // The entry is no multiple of a page, so its last part fails.
    let session = try workshop.session(try workshop.wrapper(), cache: cache) { _ in }
    #expect(session.answer(text) == 8)
    #expect(session.answer(NativeWorkshop.text(9)) == 9)
    #expect(session.notes.count == 1)
    #expect(session.notes.first?.contains("No space left on device") == true)
    #expect(workshop.entries == [])
  }

  @Test func leastRecentlyUsedGoesFirst() throws {
    let workshop = try NativeWorkshop()
    let library = [UInt8](repeating: 1, count: 1000)
    let keys = try (0..<4).map { try Digest(of: [UInt8($0)]) }
    func path(_ key: Digest) -> String { "\(workshop.cache)/\(key).so" }
    let cache = try NativeCache(path: workshop.cache, byteLimit: 3500)
    for (index, key) in keys.prefix(3).enumerated() {
      try cache.store(library, for: key)
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: Double(index) * 10 - 1000)],
        ofItemAtPath: path(key))
    }
    guard case .library(library) = try cache.library(for: keys[0]) else {
      Issue.record("the first entry is gone")
      return
    }
    try cache.store(library, for: keys[3])
    #expect(workshop.entries == [keys[0], keys[2], keys[3]].map { "\($0).so" }.sorted())
  }

  @Test func staleTemporariesAreRemoved() throws {
    let workshop = try NativeWorkshop()
    let cache = try NativeCache(path: workshop.cache)
    for name in ["old.part", "new.part", "other"] {
      #expect(FileManager.default.createFile(atPath: "\(workshop.cache)/\(name)", contents: nil))
      guard name != "new.part" else { continue }
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -7200)],
        ofItemAtPath: "\(workshop.cache)/\(name)")
    }
    let key = try Digest(of: [])
    try cache.store([1, 2, 3], for: key)
    #expect(workshop.entries == ["\(key).so", "new.part", "other"].sorted())
  }
}
