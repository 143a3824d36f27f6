import CKernels
import Foundation
import Synchronization
import Testing

/// What a loop over threads did: the worker of each index, in the order in which they began.
private final class Diary: Sendable {
  let lines = Mutex<[(index: Int64, worker: Int32)]>([])
  /// How many workers have to have begun before any goes on.
  let awaited: Int

  init(awaited: Int = 0) { self.awaited = awaited }

  func of(_ n: Int64, threads: Int32, backwards: Bool) -> [(index: Int64, worker: Int32)] {
    ck_parallel_for(
      n, threads, backwards ? 1 : 0,
      { context, index, worker in
        guard let context else { return }
        Unmanaged<Diary>.fromOpaque(context).takeUnretainedValue().write(index, worker)
      }, Unmanaged.passUnretained(self).toOpaque())
    return lines.withLock { $0 }
  }

  private func write(_ index: Int64, _ worker: Int32) {
    lines.withLock { $0.append((index, worker)) }
    let deadline = Date(timeIntervalSinceNow: 20)
    while lines.withLock({ Set($0.map(\.worker)).count }) < awaited, Date() < deadline {
      usleep(100)
    }
  }
}

@Suite("A loop over threads")
struct ParallelTests {
  @Test(
    "does each index once, on fewer threads than asked for or more than it has parts",
    arguments: [(0, 2), (1, 2), (7, 1), (7, 3), (64, 2), (131, 70)] as [(Int64, Int32)])
  func each(_ n: Int64, _ threads: Int32) {
    for backwards in [false, true] {
      let lines = Diary().of(n, threads: threads, backwards: backwards)
      #expect(lines.map(\.index).sorted() == Array(0..<n))
      #expect(lines.allSatisfy { 0..<threads ~= $0.worker })
    }
  }

  @Test("begins each thread's part at its own end of it")
  func parts() throws {
    for (backwards, expected) in [(false, [0, 4]), (true, [3, 7])] as [(Bool, [Int64])] {
      // While the other has not begun, neither can help it.
      let lines = Diary(awaited: 2).of(8, threads: 2, backwards: backwards)
      let first = try [0, 1].map { worker in
        try #require(lines.first { $0.worker == worker }).index
      }
      #expect(first == expected)
    }
    let alone = Diary().of(4, threads: 1, backwards: true)
    #expect(alone.map(\.index) == [3, 2, 1, 0])
  }
}
