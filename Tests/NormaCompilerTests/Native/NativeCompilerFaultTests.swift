import Foundation
import NormaCompiler
import NormaCore
import Testing

/// Compilers that fail: each time one note, no library, and nothing left behind.
@Suite struct NativeCompilerFaultTests {
  /// Runs two different texts; returns the only note.
  private func note(
    _ workshop: NativeWorkshop, _ session: NativeSession,
    location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let units = [1, 2].map { session.request(NativeWorkshop.text($0)) }
    session.settle(within: ample)
    #expect(units.allSatisfy { $0.library == nil }, sourceLocation: location)
    #expect(workshop.entries == [], sourceLocation: location)
    let left = try FileManager.default.contentsOfDirectory(atPath: workshop.temporary)
    #expect(left == [], sourceLocation: location)
    #expect(session.notes.count == 1, sourceLocation: location)
    return try #require(session.notes.first, sourceLocation: location)
  }

  @Test func compilerThatDoesNotExist() throws {
    let workshop = try NativeWorkshop()
    let session = workshop.session("/nowhere/cc")
    #expect(session.toolchain == nil)
    let note = try note(workshop, session)
    #expect(note.contains("NORMA_CC names '/nowhere/cc', which is no program that exists"))
    #expect(note.contains("name a working gcc or clang in NORMA_CC, or unset it"))
  }

  @Test func compilerThatCannotSayItsVersion() throws {
    let workshop = try NativeWorkshop()
    let note = try note(workshop, workshop.session("false"))
    #expect(note.contains("false --version' failed with status 1"))
  }

  @Test func noCompilerOnPath() throws {
    let workshop = try NativeWorkshop()
    let environment = [
      "PATH": workshop.temporary, "NORMA_CACHE": workshop.cache, "TMPDIR": workshop.temporary,
    ]
    let note = try note(workshop, NativeSession(environment: environment, cores: 1))
    #expect(note.contains("no C compiler (cc, clang, gcc) answers on PATH; install gcc or clang"))
  }

  @Test func firstCompilerOnPathThatAnswersIsTaken() throws {
    let workshop = try NativeWorkshop()
    let folder = workshop.root + "/bin"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    for (name, target) in [("cc", "/bin/false"), ("gcc", workshop.real.compiler)] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/\(name)", withDestinationPath: target)
    }
    let toolchain = try NativeToolchain(environment: ["PATH": folder])
    #expect(toolchain.compiler == folder + "/gcc")
  }

  @Test func compilerThatFailsIsQuoted() throws {
    let workshop = try NativeWorkshop()
    let compiler = try workshop.wrapper("echo 'unit.c:1: no licence' >&2; exit 3")
    let note = try note(workshop, workshop.session(compiler))
    #expect(note.contains("failed with status 3: unit.c:1: no licence"))
  }

  @Test func textThatIsNoC() throws {
    let workshop = try NativeWorkshop()
    let session = workshop.session(try workshop.wrapper())
    #expect(session.answer("int answer(void) { return nothing; }") == nil)
    #expect(session.notes.count == 1)
    #expect(session.notes.first?.contains("nothing") == true)
    #expect(session.answer(NativeWorkshop.text(6)) == 6)
  }

  @Test func compilerKilledHalfway() throws {
    let workshop = try NativeWorkshop()
    let compiler = try workshop.wrapper(
      """
      "$real" "$@"
      size=$(wc -c <"$out"); head -c $((size / 2)) "$out" >"$out.half"; mv "$out.half" "$out"
      kill -9 $$
      """)
    let note = try note(workshop, workshop.session(compiler))
    #expect(note.contains("was ended by signal 9"))
  }

  @Test(arguments: ["head -c $((size / 2)) \"$out\"", "head -c 200 \"$out\"", "echo garbage", ":"])
  func compilerThatWritesGarbageAndSaysNothing(output: String) throws {
    let workshop = try NativeWorkshop()
    let compiler = try workshop.wrapper(
      """
      "$real" "$@"
      size=$(wc -c <"$out"); \(output) >"$out.new"; mv "$out.new" "$out"
      exit 0
      """)
    let note = try note(workshop, workshop.session(compiler))
    #expect(note.contains("wrote no usable library: it is "))
  }

  @Test func compilerThatWritesNothing() throws {
    let workshop = try NativeWorkshop()
    let note = try note(workshop, workshop.session(try workshop.wrapper("exit 0")))
    #expect(note.contains("wrote no library"))
  }

  @Test func libraryThatNeedsWhatIsNotThere() throws {
    let workshop = try NativeWorkshop()
    let session = workshop.session(try workshop.wrapper())
    #expect(session.answer("int no_such(void); int answer(void) { return no_such(); }") == nil)
    #expect(session.notes.count == 1)
    #expect(session.notes.first?.contains("undefined symbol: no_such") == true)
    #expect(workshop.entries == [])
  }

  @Test func compilerThatHangsIsEndedWithAllItStarted() throws {
    let workshop = try NativeWorkshop()
    let pids = workshop.root + "/pids"
    let compiler = try workshop.wrapper("sleep 1000 & echo $$ $! >>'\(pids)'; wait")
    let session = try workshop.session(compiler) { $0.timeLimit = .milliseconds(300) }
    let note = try note(workshop, session)
    #expect(note.contains("did not end in time"))
    let started = try String(contentsOfFile: pids, encoding: .utf8)
      .split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
    #expect(started.count == 4)
    #expect(eventually { started.allSatisfy { isGone($0) } })
  }

  /// Whether the process has ended; one whose parent does not ask for it stays as a zombie.
  private func isGone(_ process: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else {
      return true
    }
    return status.split(separator: ")").last?.hasPrefix(" Z") == true
  }

  @Test func leftoversOfKilledRunsAreRemoved() throws {
    let workshop = try NativeWorkshop()
    let (old, new) = ("norma-native-oldold", "norma-native-newnew")
    for name in [old, new] {
      let path = "\(workshop.temporary)/\(name)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      #expect(FileManager.default.createFile(atPath: path + "/unit.so", contents: nil))
    }
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -7200)],
      ofItemAtPath: "\(workshop.temporary)/\(old)")
    #expect(workshop.session(try workshop.wrapper()).answer(NativeWorkshop.text(1)) == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: workshop.temporary) == [new])
  }
}
