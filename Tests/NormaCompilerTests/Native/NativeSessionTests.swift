import Foundation
import NormaCompiler
import NormaCore
import Testing

@Suite struct NativeSessionTests {
  @Test(arguments: NativeToolchain.names)
  func standardFlagsSuitEachCompiler(name: String) throws {
    let workshop = try NativeWorkshop()
    let session = workshop.session(name)
    // A machine may lack some of the three, never all: the workshop needs one itself.
    guard session.toolchain != nil else { return }
    #expect(session.answer(NativeWorkshop.text(7)) == 7)
    #expect(session.notes == [])
  }

  @Test func secondSessionNeedsNoCompiler() throws {
    let workshop = try NativeWorkshop()
    let compiler = try workshop.wrapper()
    #expect(workshop.session(compiler).answer(NativeWorkshop.text(1)) == 1)
    #expect(workshop.compilations == 1)
    let second = workshop.session(compiler)
    #expect(second.answer(NativeWorkshop.text(1)) == 1)
    #expect(workshop.compilations == 1)
    #expect(second.answer(NativeWorkshop.text(2)) == 2)
    #expect(workshop.compilations == 2)
    #expect(second.notes == [])
    #expect(try FileManager.default.contentsOfDirectory(atPath: workshop.temporary) == [])
  }

  @Test func equalTextsCompileOnce() throws {
    let workshop = try NativeWorkshop()
    let session = workshop.session(try workshop.wrapper())
    let units = (0..<6).map { session.request(NativeWorkshop.text($0 % 2)) }
    session.settle(within: ample)
    #expect(units.map { $0.library?.answer } == [0, 1, 0, 1, 0, 1])
    #expect(workshop.compilations == 2)
    #expect(units[0] === units[2])
  }

  @Test func laterModelSettlesByItself() throws {
    let workshop = try NativeWorkshop()
    let session = workshop.session(try workshop.wrapper())
    #expect(session.answer(NativeWorkshop.text(1)) == 1)
    let again = session.request(NativeWorkshop.text(1))
    let other = session.request(NativeWorkshop.text(2))
    session.settle(within: ample)
    #expect(again.library?.answer == 1)
    #expect(other.library?.answer == 2)
    #expect(workshop.compilations == 2)
  }

  @Test func lateUnitStaysWithoutLibraryAndTheNextRunHasIt() throws {
    let workshop = try NativeWorkshop()
    let gate = workshop.root + "/gate"
    let compiler = try workshop.wrapper("while [ ! -e '\(gate)' ]; do sleep 0.02; done")
    let session = workshop.session(compiler)
    let unit = session.request(NativeWorkshop.text(3))
    session.settle(within: .milliseconds(20))
    #expect(unit.library == nil)
    #expect(session.notes.count == 1)
    #expect(session.notes[0].contains("1 of 1 kernels were not compiled within 0.0 s"))
    #expect(workshop.entries == [])

    #expect(FileManager.default.createFile(atPath: gate, contents: nil))
    #expect(eventually { workshop.entries.contains { $0.hasSuffix(".so") } })
    #expect(unit.library == nil)
    #expect(workshop.session(compiler).answer(NativeWorkshop.text(3)) == 3)
    #expect(session.answer(NativeWorkshop.text(3)) == 3)
    #expect(unit.library == nil)
    #expect(workshop.compilations == 1)
  }

  @Test func atMostAsManyCompilersAsCores() throws {
    let workshop = try NativeWorkshop()
    let busy = workshop.root + "/busy"
    let compiler = try workshop.wrapper(
      """
      mkdir -p '\(busy)'; touch '\(busy)'/$$; sleep 0.1
      ls '\(busy)' | wc -l >>'\(workshop.root)/counts'; rm '\(busy)'/$$
      """)
    let session = workshop.session(compiler)
    let units = (0..<5).map { session.request(NativeWorkshop.text($0)) }
    session.settle(within: ample)
    #expect(units.map { $0.library?.answer } == [0, 1, 2, 3, 4])
    let counts = try String(contentsOfFile: workshop.root + "/counts", encoding: .utf8)
      .split(separator: "\n").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    #expect(counts.count == 5)
    #expect(counts.allSatisfy { $0 <= 2 })
  }

  @Test func twoSessionsFillTheCacheAtOnce() throws {
    let workshop = try NativeWorkshop()
    // Each compiler waits for the other, so that both miss and both store.
    let compiler = try workshop.wrapper(
      "while [ $(wc -l <'\(workshop.log)') -lt 2 ]; do sleep 0.02; done")
    let sessions = [workshop.session(compiler), workshop.session(compiler)]
    let units = sessions.map { $0.request(NativeWorkshop.text(4)) }
    for session in sessions { session.settle(within: ample) }
    #expect(units.map { $0.library?.answer } == [4, 4])
    #expect(sessions.map(\.notes) == [[], []])
    #expect(workshop.compilations == 2)
    #expect(workshop.entries.count == 1)
    #expect(workshop.session(compiler).answer(NativeWorkshop.text(4)) == 4)
    #expect(workshop.compilations == 2)
  }

  @Test func otherProcessorsEntriesLieSideBySide() throws {
    let workshop = try NativeWorkshop()
    let compiler = try workshop.wrapper()
    for pass in 0..<2 {
      for words in ["flags: avx2", "flags: avx2 avx512f"] {
        let session = try workshop.session(compiler) { $0.processor = words }
        #expect(session.answer(NativeWorkshop.text(5)) == 5, "pass \(pass), \(words)")
      }
    }
    #expect(workshop.compilations == 2)
    #expect(workshop.entries.count == 2)
  }

  @Test func everyPartOfTheKeyCounts() throws {
    let workshop = try NativeWorkshop()
    let plain = workshop.real
    var flags = plain
    flags.flags += ["-g"]
    var processor = plain
    processor.processor += " more"
    let keys = [
      try plain.key(for: "a"), try plain.key(for: "b"), try flags.key(for: "a"),
      try processor.key(for: "a"),
    ]
    #expect(Set(keys).count == 4)
    #expect(try keys[0] == plain.key(for: "a"))
  }

  @Test func processorIsToldByItsFirstCoreWhateverTheOrder() {
    func text(_ flags: String) -> String {
      """
      processor\t: 0
      vendor_id\t: GenuineIntel
      model\t\t: 85
      model name\t: Xeon
      cpu MHz\t\t: \(flags.utf8.count)
      flags\t\t: \(flags)

      processor\t: 1
      flags\t\t: other
      """
    }
    let summary = ProcessorIdentity.summary(of: text("sse avx512f avx2"))
    #expect(summary == "flags: avx2 avx512f sse\nmodel: 85\nvendor_id: GenuineIntel")
    #expect(summary == ProcessorIdentity.summary(of: text("avx2 sse  avx512f")))
    #expect(summary != ProcessorIdentity.summary(of: text("avx2 sse")))
  }
}
