import CSystem

/// The memory that `malloc` manages.
package enum Heap {
  /// The bytes given out in this process and not got back.
  package static var bytes: Int { Int(clamping: norma_heap_bytes()) }
}
