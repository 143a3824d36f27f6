import CKernels

/// A copy on the threads that kernels use: the measure that a norm's time is compared with.
public enum ThreadedCopy {
  private struct Job {
    let source: UnsafePointer<Float>
    let target: UnsafeMutablePointer<Float>
    let count: Int
  }

  /// Copies `count` elements in 16 pieces on at most `threads` threads.
  public static func run(
    from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int,
    threads: Int
  ) {
    var job = Job(source: source, target: target, count: count)
    withUnsafeMutablePointer(to: &job) { job in
      ck_parallel_for(
        16, Int32(count < 16384 ? 1 : threads),
        { context, piece, _ in
          guard let job = context?.assumingMemoryBound(to: Job.self).pointee else { return }
          let start = Int(piece) * job.count / 16
          let end = (Int(piece) + 1) * job.count / 16
          (job.target + start).update(from: job.source + start, count: end - start)
        }, job)
    }
  }
}
