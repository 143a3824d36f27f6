import CKernels
package import NormaCore

/// Loops over a norm's own tensors without arithmetic: what its time is measured against.
///
/// They are as fast as such loops can be made: of the ways to store, and of 1, 2, 4, ... threads, the
/// fastest on the very tensors is taken.
package struct MemoryTraffic {
  /// How a loop is run.
  package struct Way: Sendable, Hashable {
    /// How results reach memory.
    package enum Move: Int32, Sendable, CaseIterable {
      case memcpy, stores, streaming
    }

    package let move: Move
    package let threads: Int

    package init(_ move: Move, threads: Int) {
      self.move = move
      self.threads = threads
    }

    /// `streaming stores, 2 threads`.
    package var text: String {
      let name =
        switch move {
        case .memcpy: "memcpy"
        case .stores: "stores"
        case .streaming: "streaming stores"
        }
      return name + (threads == 1 ? ", 1 thread" : ", \(threads) threads")
    }

    /// Every way with at most so many threads.
    static func all(_ moves: [Move], threads: Int) -> [Way] {
      let counts = sequence(first: 1) { $0 * 2 }.prefix { $0 < threads } + [threads]
      return moves.flatMap { move in counts.map { Way(move, threads: $0) } }
    }
  }

  private let tensors: ck_traffic

  /// Loops over tensors of `count` floats, which outlive them.
  package init(
    x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, dy: UnsafePointer<Float>,
    dx: UnsafeMutablePointer<Float>, count: Int
  ) {
    tensors = ck_traffic(x: x, dy: dy, y: y, dx: dx, count: Int64(count))
  }

  /// The tensors of a call with gradients; nil where one is missing.
  init?(_ call: KernelCall, count: Int) {
    guard let x = call.inputs.first, let y = call.output, let dy = call.outputGradient,
      let first = call.inputGradients.first, let dx = first
    else { return nil }
    self.init(x: x, y: y, dy: dy, dx: dx, count: count)
  }

  /// Reads `x` so many times and makes `y` equal to it.
  package func forward(passes: Int = 1, _ way: Way) {
    withUnsafePointer(to: tensors) {
      ck_traffic_forward($0, Int32(passes), way.move.rawValue, Int32(way.threads))
    }
  }

  /// Reads `x` and `dy` so many times and makes `dx` their sum.
  package func backward(passes: Int = 1, _ way: Way) {
    withUnsafePointer(to: tensors) {
      ck_traffic_backward($0, Int32(passes), way.move.rawValue, Int32(way.threads))
    }
  }

  /// Copies `x` to `y`.
  package func copy(_ way: Way) { forward(way) }

  /// Forward, then backward.
  package func forwardBackward(_ passes: TensorPasses, _ way: Way) {
    forward(passes: passes.forward, way)
    backward(passes: passes.backward, way)
  }

  /// The fastest way to do `work` with at most so many threads.
  func fastest(
    of moves: [Way.Move], threads: Int, timer: TurnTimer, _ work: @escaping (Way) -> Void
  ) throws(NormaError) -> Way {
    let ways = Way.all(moves, threads: threads)
    var works: [TurnTimer.Work] = []
    for way in ways {
      let one: TurnTimer.Work = { work(way) }
      works.append(one)
    }
    let timings = try timer.measure(works)
    let best = zip(ways, timings).min { $0.1.median < $1.1.median }
    return best?.0 ?? Way(.memcpy, threads: 1)
  }
}
