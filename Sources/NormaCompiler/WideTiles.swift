import CKernels

/// Memory in which tiles are run in double, where small values leave the range in which floats are
/// exact: coefficients of denormal or huge inputs. Rare, hence allocated when it happens.
struct WideTiles {
  let memory: ck_wide_memory

  init(_ plan: HotPlan) {
    func doubles(_ count: Int) -> UnsafeMutablePointer<Double> {
      let pointer = UnsafeMutablePointer<Double>.allocate(capacity: max(count, 1))
      pointer.initialize(repeating: 0, count: max(count, 1))
      return pointer
    }
    memory = ck_wide_memory(
      small: (doubles(plan.sharedFloats), doubles(plan.workerFloats)),
      registers: doubles(plan.singleRegisterFloats))
  }

  /// Writes the small values that are known before a pass.
  func widen(_ plan: HotPlan, before pass: Int, _ small: inout ck_small_memory, rows: Int) {
    var areas = memory.small
    withUnsafePointer(to: &areas) { areas in
      areas.withMemoryRebound(to: UnsafeMutablePointer<Double>?.self, capacity: 2) { areas in
        func widen(_ steps: UnsafeMutableBufferPointer<ck_step>) {
          ck_widen_small(steps.baseAddress, Int64(steps.count), &small, areas, Int64(rows))
        }
        widen(plan.prologue)
        widen(plan.sliceBegin)
        for earlier in plan.passes[..<pass] {
          widen(earlier.steps)
          widen(earlier.sharedSteps)
        }
      }
    }
  }

  func free() {
    memory.small.0?.deallocate()
    memory.small.1?.deallocate()
    memory.registers.deallocate()
  }
}
