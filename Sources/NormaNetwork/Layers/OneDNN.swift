import COneDNN
import CKernels
import NormaCore

/// The first failure among workers' calls; any of them will do, so a race between two is harmless.
struct StatusBox {
  private var failure: UInt32 = 0

  mutating func note(_ status: dnnl_status_t) {
    if status != dnnl_success { failure = status.rawValue }
  }

  func check(_ what: String) throws(NormaError) {
    try oneDNN(dnnl_status_t(rawValue: failure), what)
  }
}

/// Throws when oneDNN refuses.
func oneDNN(_ status: dnnl_status_t, _ what: String) throws(NormaError) {
  guard status != dnnl_success else { return }
  let reason =
    switch status {
    case dnnl_out_of_memory: "out of memory"
    case dnnl_invalid_arguments: "invalid arguments"
    case dnnl_unimplemented: "not implemented"
    default: "status \(status.rawValue)"
    }
  throw NormaError(
    .unavailable, "oneDNN cannot run this \(what): \(reason)",
    help: "check that libdnnl 2.6 or newer of series 2 is installed")
}

/// An engine and a stream of oneDNN, and everything made with them; freed together.
///
/// Primitives are made and run with one thread each: their own threading changes bits with the number
/// of threads.
final class OneDNNContext {
  private let engine: dnnl_engine_t
  let stream: dnnl_stream_t
  private var memories: [dnnl_memory_t] = []
  private var primitives: [dnnl_primitive_t] = []
  private var descriptors: [dnnl_primitive_desc_t] = []
  private let attributes: dnnl_primitive_attr_t

  init() throws(NormaError) {
    ck_serial_libraries()
    var engine: dnnl_engine_t?
    try oneDNN(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine")
    var stream: dnnl_stream_t?
    try oneDNN(
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "stream")
    var attributes: dnnl_primitive_attr_t?
    try oneDNN(dnnl_primitive_attr_create(&attributes), "attributes")
    guard let engine, let stream, let attributes else {
      throw NormaError(.unavailable, "oneDNN gave no engine")
    }
    // Scratch memory is ours, so that a step allocates nothing.
    try oneDNN(
      dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "attributes")
    self.engine = engine
    self.stream = stream
    self.attributes = attributes
  }

  deinit {
    for primitive in primitives { dnnl_primitive_destroy(primitive) }
    for descriptor in descriptors { dnnl_primitive_desc_destroy(descriptor) }
    for memory in memories { dnnl_memory_destroy(memory) }
    dnnl_primitive_attr_destroy(attributes)
    dnnl_stream_destroy(stream)
    dnnl_engine_destroy(engine)
  }

  /// Describes an operation; nil when oneDNN has no implementation for it.
  func describe(
    _ description: UnsafeRawPointer, hint: dnnl_primitive_desc_t? = nil
  ) throws(NormaError) -> dnnl_primitive_desc_t? {
    var result: dnnl_primitive_desc_t?
    let status = dnnl_primitive_desc_create(&result, description, attributes, engine, hint)
    if status == dnnl_unimplemented { return nil }
    try oneDNN(status, "layer")
    if let result { descriptors.append(result) }
    return result
  }

  /// Describes a change of layout.
  func describeReorder(
    from: dnnl_memory_desc_t, to: dnnl_memory_desc_t
  ) throws(NormaError) -> dnnl_primitive_desc_t {
    var result: dnnl_primitive_desc_t?
    var (from, to) = (from, to)
    try oneDNN(
      dnnl_reorder_primitive_desc_create(&result, &from, engine, &to, engine, attributes),
      "change of layout")
    guard let result else { throw NormaError(.unavailable, "oneDNN gave no reorder") }
    descriptors.append(result)
    return result
  }

  /// Makes a described operation.
  func primitive(_ descriptor: dnnl_primitive_desc_t) throws(NormaError) -> dnnl_primitive_t {
    var result: dnnl_primitive_t?
    try oneDNN(dnnl_primitive_create(&result, descriptor), "layer")
    guard let result else { throw NormaError(.unavailable, "oneDNN gave no primitive") }
    primitives.append(result)
    return result
  }

  /// A view of our memory.
  func memory(
    _ layout: dnnl_memory_desc_t, at pointer: UnsafeMutableRawPointer
  ) throws(NormaError) -> dnnl_memory_t {
    var result: dnnl_memory_t?
    var layout = layout
    try oneDNN(dnnl_memory_create(&result, &layout, engine, pointer), "memory")
    guard let result else { throw NormaError(.unavailable, "oneDNN gave no memory") }
    memories.append(result)
    return result
  }

  /// The layout an implementation chose.
  func layout(
    _ descriptor: dnnl_primitive_desc_t, _ what: dnnl_query_t
  ) -> dnnl_memory_desc_t {
    dnnl_primitive_desc_query_md(descriptor, what, 0)?.pointee ?? dnnl_memory_desc_t()
  }

  /// Scratch bytes an implementation needs.
  func scratch(_ descriptor: dnnl_primitive_desc_t) -> Int {
    var layout = layout(descriptor, dnnl_query_scratchpad_md)
    return dnnl_memory_desc_get_size(&layout)
  }

  /// The name of the chosen implementation.
  func implementation(_ descriptor: dnnl_primitive_desc_t) -> String {
    var text: UnsafePointer<CChar>?
    let status = dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &text)
    return status == dnnl_success ? text.map { String(cString: $0) } ?? "" : ""
  }
}

/// A dense layout of the given format; `any` leaves the choice to oneDNN.
func oneDNNLayout(
  _ shape: [Int], _ format: dnnl_format_tag_t
) throws(NormaError) -> dnnl_memory_desc_t {
  var result = dnnl_memory_desc_t()
  let dims = shape.map { dnnl_dim_t($0) }
  try oneDNN(
    dnnl_memory_desc_init_by_tag(&result, Int32(shape.count), dims, dnnl_f32, format), "layout")
  return result
}

/// A primitive with its arguments, ready to run any number of times.
final class BoundPrimitive {
  private let primitive: dnnl_primitive_t
  private let stream: dnnl_stream_t
  private let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>

  init(
    _ primitive: dnnl_primitive_t, _ stream: dnnl_stream_t, _ arguments: [(Int32, dnnl_memory_t)]
  ) {
    self.primitive = primitive
    self.stream = stream
    self.arguments = .allocate(capacity: arguments.count)
    for (i, argument) in arguments.enumerated() {
      self.arguments.initializeElement(
        at: i, to: dnnl_exec_arg_t(arg: argument.0, memory: argument.1))
    }
  }

  deinit { arguments.deallocate() }

  func run() -> dnnl_status_t {
    dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments.baseAddress)
  }
}
