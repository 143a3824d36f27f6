import CKernels

/// Runs `body(index, worker)` for every index below `count` on up to `threads` threads.
///
/// A worker may do any of them: what index i does must depend on i alone.
func parallel(_ count: Int, threads: Int, _ body: (_ index: Int, _ worker: Int) -> Void) {
  if threads <= 1 || count <= 1 {
    for index in 0..<count { body(index, 0) }
    return
  }
  withoutActuallyEscaping(body) { body in
    var body = body
    withUnsafeMutablePointer(to: &body) { pointer in
      ck_parallel_for(
        Int64(count), Int32(threads), 0,
        { context, index, worker in
          context?.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(
            Int(index), Int(worker))
        }, pointer)
    }
  }
}

/// Runs `body(start, count)` over consecutive ranges of `count` elements, on one thread when there are
/// too few to be worth waking another.
///
/// The ranges depend on `count` alone, so the bits of the result do not depend on `threads`.
func parallelRanges(
  _ count: Int, threads: Int, grain: Int = 16384, _ body: (_ start: Int, _ count: Int) -> Void
) {
  let ranges = (count + grain - 1) / grain
  parallel(ranges, threads: count < 4 * grain ? 1 : threads) { index, _ in
    let start = index * grain
    body(start, min(grain, count - start))
  }
}
