/// Whether a layer learns (batch statistics, running buffers updated) or is applied as it is.
public enum Mode: String, Sendable, CaseIterable {
  /// Statistics of the batch; running buffers are updated.
  case train
  /// Running buffers are read; nothing is updated.
  case infer
}

/// What a norm layer runs: a norm with concrete hyper-parameters on a concrete tensor shape.
///
/// The compiler's kernels and the plugin adapter adopt it; models, training and `norma apply` see only
/// this. A kernel is immutable: parameters, buffers, saved values and workspace are memory of its owner.
public protocol NormKernel: Sendable {
  /// Who runs it: `native`, `tiles`, `reference`, or a plugin's id.
  var executor: String { get }

  /// The memory a call needs when at most `threads` threads work on it.
  func memory(threads: Int) -> KernelMemory

  /// Writes the output, the saved values and, in training, the buffers.
  func forward(_ call: KernelCall) throws(NormaError)

  /// Writes the gradients of inputs and parameters from the output's gradient and the saved values of
  /// the last `forward` on the same memory.
  func backward(_ call: KernelCall) throws(NormaError)

  /// What it does, for people: stages, schedule, bytes; nil when unknown.
  var planDescription: String? { get }

  /// How often each direction reads its tensors from beyond the cache; nil when unknown.
  var tensorPasses: TensorPasses? { get }
}

extension NormKernel {
  /// Unknown.
  public var tensorPasses: TensorPasses? { nil }
}

/// How often a kernel reads its tensors: twice where a statistic spans the whole tensor.
public struct TensorPasses: Sendable, Hashable {
  /// Readings of `x` by forward.
  public var forward: Int
  /// Readings of `x` and the arriving gradient by backward.
  public var backward: Int
  /// Bytes that each direction moves to and from memory; 0 when unknown.
  public var forwardBytes = 0
  /// The same of backward.
  public var backwardBytes = 0
  /// Whether backward reads `x`.
  public var keepsInput = true

  /// Makes a count.
  public init(forward: Int = 1, backward: Int = 1) {
    self.forward = forward
    self.backward = backward
  }
}

/// Bytes a kernel asks of its owner; all are aligned to 64.
public struct KernelMemory: Sendable, Hashable {
  /// Bytes kept from forward to backward.
  public var savedBytes: Int
  /// Bytes free to be used by others between calls.
  public var workspaceBytes: Int

  /// Makes a request.
  public init(savedBytes: Int, workspaceBytes: Int) {
    self.savedBytes = savedBytes
    self.workspaceBytes = workspaceBytes
  }
}

/// The memory of one call. Its owner builds it once and reuses it, so that a step allocates nothing.
///
/// SAFETY: the pointers are valid for the tensors' sizes as long as the owner lives; what a direction
/// writes overlaps nothing that it reads.
public struct KernelCall: @unchecked Sendable {
  /// The input tensors, `x` first, in the order of the schema.
  public var inputs: [UnsafePointer<Float>] = []
  /// The parameters that are present, in the order of the schema.
  public var parameters: [UnsafePointer<Float>] = []
  /// The buffers, in the order of the schema; written only by forward in training.
  public var buffers: [UnsafeMutablePointer<Float>] = []
  /// The values of the real hyper-parameters, in the order of the schema.
  public var hyper: [Double] = []
  /// What is added to `x` before the norm, by a kernel that was built to; the same layout as `x`.
  public var residual: UnsafePointer<Float>?
  /// Where forward writes `x` + `residual`; backward then takes the sum as `x`.
  public var sum: UnsafeMutablePointer<Float>?
  /// The gradient that arrives at the sum, added to that of `x` by a kernel that was built to.
  public var sumGradient: UnsafePointer<Float>?
  /// The output; the same layout as `x`.
  public var output: UnsafeMutablePointer<Float>?
  /// The gradient that arrives at the output.
  public var outputGradient: UnsafePointer<Float>?
  /// Where gradients of inputs go; nil where none is wanted.
  public var inputGradients: [UnsafeMutablePointer<Float>?] = []
  /// Where gradients of parameters go; nil where none is wanted.
  public var parameterGradients: [UnsafeMutablePointer<Float>?] = []
  /// Values kept from forward to backward.
  public var saved: UnsafeMutableRawPointer?
  /// Scratch memory.
  public var workspace: UnsafeMutableRawPointer?
  /// Whether parameter gradients are added to what is there.
  public var accumulate = false
  /// How many threads may work on the call.
  public var threads = 1

  /// An empty call, to be filled by its owner.
  public init() {}
}
