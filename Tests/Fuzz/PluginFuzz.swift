import CNormaABI
import Foundation
import NormaCompiler
import NormaConformance
import NormaCore
import NormaExport
import NormaNorms
import NormaPlugins
import NormaSystem

/// What a stranger's plugin brings is read before it is trusted: lock files, manifests, libraries,
/// descriptors and definitions, mutated. Nothing that they say may end the process.
///
/// Descriptors keep their pointers, lengths and counts within what is there: those the host cannot check.
enum PluginFuzz {
  static func run(_ count: Int, seed: UInt64, library: String?) throws {
    var random = RandomSource(seed: seed, purpose: "plugins")
    let image = try library.map { Array(try Data(contentsOf: URL(filePath: $0))) } ?? []
    let definitions = try NormRegistry.builtIn().all.map(Definition.init)
    var accepted = [0, 0, 0, 0, 0]
    for number in 0..<count {
      let kind = image.isEmpty ? number % 4 : number % 5
      let isAccepted: Bool
      switch kind {
      case 0: isAccepted = (try? PluginLock(parsing: mutated(lock, &random))) != nil
      case 1: isAccepted = (try? PluginManifest(parsing: mutated(manifest, &random))) != nil
      case 2: isAccepted = descriptor(&random)
      case 3: isAccepted = definitions[random.index(below: definitions.count)].mutant(&random)
      default: isAccepted = elf(image, &random)
      }
      if isAccepted { accepted[kind] += 1 }
    }
    print(
      "\(count) inputs; still accepted: lock files \(accepted[0]), manifests \(accepted[1]),"
        + " descriptors \(accepted[2]), definitions \(accepted[3]), libraries \(accepted[4])")
  }

  /// A norm's formula as a compiled library carries it.
  private struct Definition {
    let schema: NormSchema
    let text: [UInt8]

    init(_ entry: NormEntry) throws {
      guard let definition = entry.provider.definition else {
        throw NormaError(.internal, "\(entry.schema.name) has no formula")
      }
      schema = definition.schema
      text = Array(
        try NormVariants(definition, values: schema.resolve([:])).stored.text().utf8)
    }

    /// Reads the text, changed, and uses what is read.
    func mutant(_ random: inout RandomSource) -> Bool {
      guard
        let stored = try? StoredDefinition(
          reading: String(decoding: mutated(text, &random), as: UTF8.self)),
        let definition = try? stored.definition(schema)
      else { return false }
      for mode in Mode.allCases {
        _ = try? PluginFuzz.run(definition, mode)
      }
      return true
    }
  }

  /// Eight threads at once in one instance of each norm of a library, each with memory of its own.
  static func threads(_ library: String?) throws {
    let registry = NormRegistry()
    if let library { try PluginLoader().load(library, into: registry) }
    for entry in registry.all {
      try StrainCheck.concurrency.run(NormSpec(entry.schema.name), in: registry)
      print("\(entry.schema.name): eight threads in one instance")
    }
  }

  /// What a host computes with a definition: forward and backward of the reference.
  private static func run(_ definition: NormDefinition, _ mode: Mode) throws {
    let registry = NormRegistry([NormEntry(definition, source: .builtIn)])
    let layer = try NormLayer(
      NormSpec(definition.schema.name), in: registry, channelShape: [32])
    let harness = try KernelHarness(
      layer: layer, layout: TensorLayout(shape: [2, 2, 32]), mode: mode, executor: .reference)
    try harness.forward()
    try harness.backward([Float](repeating: 1, count: 128))
  }

  private static let lock = Array(
    """
    {"format":1,"plugins":[{"id":"org.example.scale","version":"1.0.0","path":"/a/b.so","sha256":\
    "\(String(repeating: "0123456789abcdef", count: 4))"}]}
    """.utf8)
  private static let manifest = Array(
    """
    {"id":"org.example.scale","version":"1.0.0","license":"MIT","norms":["example/scale"],"build":"",\
    "sha256":"\(String(repeating: "0123456789abcdef", count: 4))"}
    """.utf8)

  /// A few bytes changed, taken out or put in.
  private static func mutated(_ bytes: [UInt8], _ random: inout RandomSource) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<1 + random.index(below: 4) where !bytes.isEmpty {
      let at = random.index(below: bytes.count)
      switch random.index(below: 5) {
      case 0: bytes.remove(at: at)
      case 1: bytes.insert(UInt8(random.index(below: 256)), at: at)
      case 2: bytes[at] = Array("{}[]\":,0-9e\\u".utf8)[random.index(below: 13)]
      case 3:
        let end = min(bytes.count, at + random.index(below: 40))
        bytes.insert(contentsOf: bytes[at..<end], at: at)
      default: bytes[at] = UInt8(random.index(below: 256))
      }
    }
    return bytes
  }

  private static func elf(_ image: [UInt8], _ random: inout RandomSource) -> Bool {
    var bytes = image
    for _ in 0..<1 + random.index(below: 6) {
      // The headers and the tables for the loader are what is read.
      let area = [64, 1024, bytes.count][random.index(below: 3)]
      bytes[random.index(below: min(area, bytes.count))] = UInt8(random.index(below: 256))
    }
    if random.index(below: 8) == 0 { bytes.removeLast(random.index(below: bytes.count)) }
    return (try? ELFFile(bytes).dynamic()) != nil
  }

  // MARK: descriptors

  private static func descriptor(_ random: inout RandomSource) -> Bool {
    let arena = Arena()
    func noise<Value>(_ value: Value, keeping offsets: [Range<Int>], _ random: inout RandomSource)
      -> Value
    {
      var value = value
      withUnsafeMutableBytes(of: &value) { bytes in
        for _ in 0..<random.index(below: 4) {
          let at = random.index(below: bytes.count)
          guard !offsets.contains(where: { $0.contains(at) }) else { continue }
          bytes[at] = [0, 1, 255, UInt8(random.index(below: 256))][random.index(below: 4)]
        }
      }
      return value
    }
    func text(_ word: String, _ random: inout RandomSource) -> norma_string {
      var bytes = Array(word.utf8)
      if random.index(below: 6) == 0 { bytes = mutated(bytes, &random) }
      return norma_string(
        data: arena.copy(bytes.map { CChar(bitPattern: $0) }), length: UInt64(bytes.count))
    }
    var hyper = norma_hyper()
    hyper.struct_size = UInt32(MemoryLayout<norma_hyper>.size)
    hyper.kind = UInt32(1 + random.index(below: 6))
    hyper.default_value.kind = UInt32(random.index(below: 7))
    hyper.default_value.real = [0, 1, -1, .nan, .infinity, 1e308][random.index(below: 6)]
    hyper.default_value.integer = [0, 1, -1, .max, .min, 1 << 40][random.index(below: 6)]
    hyper.minimum = [0, 1, .nan, -.infinity][random.index(below: 4)]
    hyper.choice_count = 2
    hyper.choices = arena.copy([text("a", &random), text("b", &random)])
    hyper.alias_count = UInt32(random.index(below: 2))
    hyper.aliases = arena.copy([text("other", &random)])
    // Names, choices, aliases and their counts stay; so does the size.
    hyper = noise(hyper, keeping: [0..<4, 8..<40, 56..<88, 104..<120, 124..<132], &random)
    hyper.name = text("alpha", &random)
    hyper.doc = text("a doc", &random)
    hyper.default_value.text = text("a", &random)
    var second = hyper
    second.name = text("groups", &random)
    var constraint = norma_constraint()
    constraint.struct_size = UInt32(MemoryLayout<norma_constraint>.size)
    constraint.kind = UInt32(random.index(below: 5))
    constraint.value_count = 2
    constraint.hyper = text("groups", &random)
    constraint.values = arena.copy([Int64(1), 2])
    constraint = noise(constraint, keeping: [0..<4, 12..<56], &random)
    var state = norma_state()
    state.struct_size = UInt32(MemoryLayout<norma_state>.size)
    state.role = UInt32(random.index(below: 7))
    state.roles = UInt32(random.index(below: 40))
    state.initial_factor = [0, 1, .nan, .infinity][random.index(below: 4)]
    state = noise(state, keeping: [0..<4, 8..<40, 64..<96], &random)
    state.name = text("gamma", &random)
    state.initial_hyper = text(random.index(below: 2) == 0 ? "" : "alpha", &random)
    var input = norma_input()
    input.struct_size = UInt32(MemoryLayout<norma_input>.size)
    input.roles = UInt32(random.index(below: 40))
    input.name = text("mask", &random)
    var norm = norma_norm()
    norm.struct_size = UInt32(MemoryLayout<norma_norm>.size)
    norm.create = { _, _, _ in 0 }
    norm.destroy = { _ in }
    norm.plan = { _, _, _, _ in 0 }
    norm.forward_infer = { _, _, _ in 0 }
    // Everything but the size, the texts, the arrays, their counts and the functions.
    norm = noise(norm, keeping: [0..<4, 8..<152, 184..<232], &random)
    norm.layouts |= 1
    norm.required_cpu = 0
    norm.id = text("fuzz/norm", &random)
    norm.summary = text("a norm", &random)
    norm.hypers = arena.copy([hyper, second])
    norm.hyper_count = UInt32(random.index(below: 3))
    norm.constraints = arena.copy([constraint])
    norm.constraint_count = UInt32(random.index(below: 2))
    norm.states = arena.copy([state])
    norm.state_count = UInt32(random.index(below: 2))
    norm.inputs = arena.copy([input])
    norm.input_count = UInt32(random.index(below: 2))
    let place = arena.copy([norm])
    guard let descriptor = try? PluginDescriptor(place, index: 0) else { return false }
    // What was accepted must be usable.
    _ = try? descriptor.schema.resolve([:], preset: nil)
    return true
  }

  /// Memory for one descriptor.
  private final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = []

    func copy<Value>(_ values: [Value]) -> UnsafePointer<Value> {
      let place = UnsafeMutablePointer<Value>.allocate(capacity: max(values.count, 1))
      place.initialize(from: values, count: values.count)
      blocks.append(UnsafeMutableRawPointer(place))
      return UnsafePointer(place)
    }

    deinit { for block in blocks { block.deallocate() } }
  }
}
