import Foundation
import NormaCompiler
public import NormaCore
import NormaGraph
import NormaNorms

/// A norm as C that depends on nothing: a header, one file, a build file and an example.
public struct CPackage: Sendable {
  private let variants: NormVariants
  private let values: [String: HyperValue]
  private let identity: PluginCompilation.Identity
  /// What names begin with.
  public let name: String

  /// The files of a norm for the settings that it would be compiled with.
  ///
  /// - Throws: `usage` for what C cannot say.
  public init(_ compilation: PluginCompilation) throws(NormaError) {
    variants = try compilation.variants()
    values = compilation.values
    identity = compilation.identity
    let last = String(compilation.entry.schema.name.split(separator: "/").last ?? "norm")
    // Its example is a file of its own, and C has words of its own.
    name = last == "example" || Self.reserved.contains(last) ? last + "_norm" : last
  }

  private var schema: NormSchema { variants.schema }
  private var reals: [HyperParameter] { schema.hyper.filter(\.isReal) }
  private var parameters: [StateSpec] { schema.presentParameters(values) }
  private var buffers: [StateSpec] { schema.buffers.filter { $0.isPresent(values) } }

  /// The files, by name.
  ///
  /// - Throws: `usage` for what C cannot say.
  public func files() throws(NormaError) -> [ExportedFile] {
    [
      ExportedFile("\(name).h", header), ExportedFile("\(name).c", try source()),
      ExportedFile("example.c", example), ExportedFile("CMakeLists.txt", build),
    ]
  }

  // MARK: the header

  private static func sentence(_ text: String) -> String {
    text.replacing("*/", with: "* /").replacing("\n", with: " ")
  }

  private var header: String {
    let guardName = name.uppercased() + "_H"
    var lines = [
      "/*", " * \(name): \(Self.sentence(schema.summary))",
    ]
    if !schema.paper.isEmpty { lines.append(" * \(Self.sentence(schema.paper))") }
    let fixed = schema.hyper.filter { !$0.isReal }.map {
      "\($0.name) = \(values[$0.name] ?? $0.defaultValue)"
    }
    if !fixed.isEmpty { lines.append(" * Made for " + fixed.joined(separator: ", ") + ".") }
    lines += [
      " *",
      " * Tensors are float32, dense: [batch, space, channels], or [batch, channels, space] where",
      " * `channels_first` is not 0; space stands for all other axes, such as height times width. Every",
      " * function may run on several threads at once, each with memory of its own.", " */",
      "#ifndef \(guardName)", "#define \(guardName)", "", "#include <stdint.h>", "",
      "#ifdef __cplusplus", "extern \"C\" {", "#endif", "", "typedef struct {",
      "  int64_t batch, space, channels;", "  int32_t channels_first;",
      "  int32_t training; /* 0: inference */",
      "  int32_t threads;  /* used with OpenMP; 0 is 1 */",
      "} \(name)_shape;", "",
    ]
    if !reals.isEmpty {
      lines.append("typedef struct {")
      for hyper in reals {
        lines.append(
          "  double \(Self.word(hyper.name)); /* \(Self.sentence(hyper.doc)): \(hyper.rangeText) */"
        )
      }
      let defaults = reals.map { Self.real(values[$0.name] ?? $0.defaultValue) }
      lines += [
        "} \(name)_settings;",
        "#define \(name.uppercased())_DEFAULTS {\(defaults.joined(separator: ", "))}", "",
      ]
    }
    for (states, type, qualifier, text) in [
      (
        parameters, "parameters", "const float",
        "Parameters; each has one value for what stands behind it."
      ),
      (parameters, "gradients", "float", "Their gradients; NULL where one is not wanted."),
      (buffers, "buffers", "float", "Running values, which training changes."),
    ] where !states.isEmpty {
      lines += ["/* \(text) */", "typedef struct {"]
      for state in states {
        let per = state.roles == .none ? "one value" : "per \(state.roles)"
        let starts = type == "gradients" ? "" : "; starts at \(start(state))"
        lines.append("  \(qualifier) *\(Self.word(state.name)); /* \(per)\(starts) */")
      }
      lines += ["} \(name)_\(type);", ""]
    }
    if !schema.inputs.isEmpty {
      lines += [
        "/* Second inputs: as large as x, laid out like x; smaller ones dense along their roles. */",
        "typedef struct {",
      ]
      for input in schema.inputs {
        lines.append(
          "  const float *\(Self.word(input.name)); /* \(input.roles): \(Self.sentence(input.doc)) */"
        )
      }
      lines += ["} \(name)_inputs;", "typedef struct {"]
      for input in schema.inputs { lines.append("  float *\(Self.word(input.name));") }
      lines += ["} \(name)_input_gradients;", ""]
    }
    lines += [
      "/* Why a shape does not suit; NULL where it does. */",
      "const char *\(name)_refusal(const \(name)_shape *shape);", "",
      "/* Bytes of what forward leaves to backward, and of memory that both work in; aligned to 8. */",
      "int64_t \(name)_saved_bytes(const \(name)_shape *shape);",
      "int64_t \(name)_workspace_bytes(const \(name)_shape *shape);", "",
      "/* Computes y. `saved` may be NULL where no backward follows. 0, or -1 where the shape does not suit. */",
      "int \(name)_forward(\(forwardArguments));", "",
      "/* Computes gradients from dy, after forward on the same `saved`; `accumulate`: those of parameters are",
      "   added to what is there. dx may be NULL. */",
      "int \(name)_backward(\(backwardArguments));", "", "#ifdef __cplusplus", "}", "#endif",
      "#endif", "",
    ]
    return lines.joined(separator: "\n")
  }

  /// C and C++ have words that a norm may call its settings.
  private static let reserved: Set<String> = Set(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const \
    const_cast constexpr continue decltype default delete do double dynamic_cast else enum explicit \
    export extern false float for friend goto if inline int long mutable namespace new noexcept not \
    not_eq nullptr operator or or_eq private protected public register reinterpret_cast restrict \
    return short signed sizeof static static_assert static_cast struct switch template this \
    thread_local throw true try typedef typeid typename typeof union unsigned using virtual void \
    volatile wchar_t while xor xor_eq
    """.split(separator: " ").map(String.init))

  private static func word(_ name: String) -> String {
    // Macros have no small letters.
    reserved.contains(name) || name == name.uppercased() ? name + "_" : name
  }

  private static func real(_ value: HyperValue) -> String {
    switch value {
    case .real(let v): PortableText.number(v)
    case .ramp(let ramp): PortableText.number(ramp.first)
    default: "0"
    }
  }

  private func start(_ state: StateSpec) -> String {
    switch state.initial {
    case .number(let value): "\(HyperValue.real(value))"
    case .hyper(let name): name
    case .function(let value):
      switch try? PluginText.power(value, of: state, in: schema.name) {
      case (let factor, 0)?: "\(HyperValue.real(factor))"
      case (let factor, let power)?: "\(HyperValue.real(factor)) * pow(channels, \(power))"
      case nil: "a value of its size"
      }
    }
  }

  /// What both directions take first.
  private var commonArguments: [String] {
    var list = ["const \(name)_shape *shape"]
    if !reals.isEmpty { list.append("const \(name)_settings *settings") }
    list.append("const float *x")
    if !schema.inputs.isEmpty { list.append("const \(name)_inputs *inputs") }
    if !parameters.isEmpty { list.append("const \(name)_parameters *parameters") }
    if !buffers.isEmpty { list.append("const \(name)_buffers *buffers") }
    return list
  }

  private var forwardArguments: String {
    (commonArguments + ["float *y", "void *saved", "void *workspace"]).joined(separator: ", ")
  }

  private var backwardArguments: String {
    var list = commonArguments + ["const float *dy", "const void *saved", "float *dx"]
    if !schema.inputs.isEmpty { list.append("const \(name)_input_gradients *input_gradients") }
    if !parameters.isEmpty { list.append("const \(name)_gradients *gradients") }
    return (list + ["int accumulate", "void *workspace"]).joined(separator: ", ")
  }

  // MARK: the source

  private func source() throws(NormaError) -> String {
    guard let variant = variants.variant(for: values) else {
      throw NormaError(.internal, "no variant for the default settings")
    }
    let integers = variants.integers(values)
    let numbers = Array(Set([variant.train, variant.infer])).sorted()
    var lines = [
      "#include \"\(name).h\"", "",
      "/* Written by a program: what all functions may need is named in each. */",
      "#pragma GCC diagnostic ignored \"-Wunused-variable\"",
      "#pragma GCC diagnostic ignored \"-Wunused-function\"",
      "#pragma GCC diagnostic ignored \"-Wunknown-pragmas\"", "", PortableText.prelude,
    ]
    for number in numbers {
      lines.append(variants.programs[number].text.replacing("@", with: "formula\(number)"))
    }
    let inputs = 1 + schema.inputs.count
    lines += [
      "enum { INPUTS = \(inputs) };", "",
      "static i64 common_divisor(i64 a, i64 b) { return b == 0 ? a : common_divisor(b, a % b); }",
      "",
      "static const char *job_of(const \(name)_shape *s, job *j) {",
      "  if (s->batch < 1 || s->space < 1 || s->channels < 1) return \"sizes are at least 1\";",
      "  const i64 groups = \(Self.size(variant.stored.groups, integers));",
      "  if (s->batch > (INT64_MAX >> 6) / s->space / s->channels) return \"sizes are too large\";",
      "  const i64 samples = \(Self.samples(variant.stored, integers));",
      "  if (groups < 1 || s->channels % groups != 0) return \"the groups do not divide the channels\";",
      "  if (samples < 1 || s->batch % samples != 0) return \"the chunks do not divide the batch\";",
      "  *j = (job){.chunk = s->batch / samples, .sample = samples, .space = s->space, .group = groups,",
      "             .member = s->channels / groups, .first = s->channels_first && s->space > 1};",
      "  static const unsigned char several[2][8] = \(variant.varianceMasks);",
      "  const i64 counts[] = {j->chunk, j->sample, j->space, j->group, j->member};",
      "  for (const unsigned char *mask = several[s->training != 0]; *mask; mask++) {",
      "    i64 n = 1;",
      "    for (int a = 0; a < 5; a++) if (*mask & 1 << a) n *= counts[a];",
      "    if (n == 1)",
      "      return \"one value has no variance: use larger sizes or fewer groups,\"",
      "             \" or inference for batch statistics\";",
      "  }",
      "  (void)common_divisor;", "  return 0;", "}", "",
      "const char *\(name)_refusal(const \(name)_shape *shape) { job j; return job_of(shape, &j); }",
      "",
      "int64_t \(name)_saved_bytes(const \(name)_shape *shape) {", "  job j;",
      "  if (job_of(shape, &j)) return 0;",
      "  return 8 * (shape->training ? formula\(variant.train)_saved(&j) : formula\(variant.infer)_saved(&j));",
      "}", "", "int64_t \(name)_workspace_bytes(const \(name)_shape *shape) {", "  job j;",
      "  if (job_of(shape, &j)) return 0;",
      "  const i64 f = shape->training ? formula\(variant.train)_forward_memory(&j) : formula\(variant.infer)_forward_memory(&j);",
      "  const i64 b = shape->training ? formula\(variant.train)_backward_memory(&j) : formula\(variant.infer)_backward_memory(&j);",
      "  return 8 * ((f > b ? f : b) + INPUTS * (shape->space + shape->channels));", "}", "",
      Self.threads,
    ]
    // Strides of each input: batch, space, channel.
    lines += ["static void places_of(const \(name)_shape *s, place *places, i64 *table) {"]
    for (k, roles) in ([RoleSet.all] + schema.inputs.map(\.roles)).enumerated() {
      let batch = !roles.isDisjoint(with: .batch)
      let (space, channel) = (roles.contains(.space), roles.contains(.channel))
      let c = channel ? "s->channels" : "1"
      let p = space ? "s->space" : "1"
      let isWhole = roles == .all
      let perSpace = space ? (isWhole ? "s->channels_first ? 1 : s->channels" : "1") : "0"
      let perChannel = channel ? (isWhole ? "s->channels_first ? s->space : 1" : "1") : "0"
      lines += [
        "  places[\(k)] = (place){\(batch ? "\(p) * \(c)" : "0"), table, table + s->space};",
        "  for (i64 i = 0; i < s->space; i++) *table++ = i * (\(perSpace));",
        "  for (i64 i = 0; i < s->channels; i++) *table++ = i * (\(perChannel));",
      ]
    }
    lines += ["}", ""]
    lines += function("forward", forwardArguments, variant)
    lines += function("backward", backwardArguments, variant)
    return lines.joined(separator: "\n")
  }

  private static func samples(
    _ variant: StoredDefinition.Variant, _ integers: [Int: Int]
  ) -> String {
    guard let chunk = variant.chunk else { return "s->batch" }
    let size = Self.size(chunk, integers)
    return variant.infersInChunks ? size : "s->training ? \(size) : s->batch"
  }

  private static func size(_ rule: SizeRule, _ integers: [Int: Int]) -> String {
    switch rule {
    case .fixed(let n): "\(n)"
    case .setting(let k): "\(integers[k] ?? 1)"
    case .channels: "s->channels"
    case .channelsBySetting(let k): "s->channels / \(max(integers[k] ?? 1, 1))"
    case .commonDivisor(let n): "common_divisor(\(n), s->channels)"
    }
  }

  private func function(
    _ direction: String, _ arguments: String, _ variant: NormVariants.Variant
  ) -> [String] {
    let isBackward = direction == "backward"
    func list(_ names: [String]) -> String { names.isEmpty ? "0" : names.joined(separator: ", ") }
    let seconds = schema.inputs.map { "inputs->\(Self.word($0.name))" }
    var lines = [
      "int \(name)_\(direction)(\(arguments)) {", "  job j;", "  if (job_of(shape, &j)) return -1;",
      "  place places[INPUTS];", "  places_of(shape, places, workspace);",
      "  const float *tensors[] = {\(list(["x"] + seconds))};",
      "  const float *learned[] = {\(list(parameters.map { "parameters->\(Self.word($0.name))" }))};",
      "  float *running[] = {\(list(buffers.map { "buffers->\(Self.word($0.name))" }))};",
      "  const double real[] = {\(list(reals.map { "settings->\(Self.word($0.name))" }))};",
    ]
    if isBackward {
      let others = schema.inputs.map { "input_gradients->\(Self.word($0.name))" }
      lines += [
        "  float *dx_all[] = {\(list(["dx"] + others))};",
        "  float *dp[] = {\(list(parameters.map { "gradients->\(Self.word($0.name))" }))};",
        "  j.fast = \((["dx"] + zip(schema.inputs, others).filter { $0.0.roles == .all }.map(\.1)).map { "\($0) != 0" }.joined(separator: " && "));",
        "  j.input_gradients = dx_all;", "  j.parameter_gradients = dp;",
        "  j.output_gradient = dy;", "  j.accumulate = accumulate;", "  j.saved = (double *)saved;",
      ]
    } else {
      lines += ["  j.fast = 1;", "  j.output = y;", "  j.saved = saved;"]
    }
    return lines + [
      "  j.places = places;", "  j.inputs = tensors;", "  j.parameters = learned;",
      "  j.buffers = running;", "  j.hyper = real;",
      "  j.work = (double *)workspace + INPUTS * (shape->space + shape->channels);",
      "  j.parallel = over_threads;",
      "  j.threads = shape->threads < 1 ? 1 : (uint32_t)shape->threads;",
      "  if (shape->training) formula\(variant.train)_\(direction)(&j);",
      "  else formula\(variant.infer)_\(direction)(&j);", "  return 0;", "}", "",
    ]
  }

  private static let threads = """
    static void over_threads(job *j, i64 pieces, piece_body body) {
    #if defined(_OPENMP)
      if (j->threads > 1) {
    #pragma omp parallel for num_threads(j->threads) schedule(dynamic, 1)
        for (i64 piece = 0; piece < pieces; piece++) body(j, piece, piece + 1, 0);
        return;
      }
    #endif
      body(j, 0, pieces, 0);
    }

    """

  // MARK: beside it

  private var build: String {
    """
    cmake_minimum_required(VERSION 3.13)
    project(\(name) C)
    set(CMAKE_C_STANDARD 11)
    if(NOT CMAKE_BUILD_TYPE)
      set(CMAKE_BUILD_TYPE Release)
    endif()
    add_library(\(name) \(name).c)
    target_include_directories(\(name) PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_options(\(name) PRIVATE -O3 -fno-math-errno -fno-trapping-math -fopenmp-simd)
    target_link_libraries(\(name) PUBLIC m)
    find_package(OpenMP)
    if(OpenMP_C_FOUND)
      target_link_libraries(\(name) PUBLIC OpenMP::OpenMP_C)
    endif()
    add_executable(example example.c)
    target_link_libraries(example \(name))

    """
  }

  private var example: String {
    var lines = [
      "/* Forward and backward of \(name) on numbers made here, and one gradient by differences. */",
      "#include <math.h>", "#include <stdio.h>", "#include <stdlib.h>", "",
      "#include \"\(name).h\"", "",
      "enum { B = \(exampleBatch), S = 3, C = \(exampleChannels), COUNT = B * S * C };", "",
      "static float numbers(int i, int seed) { return (float)sin(1.7 * (i + 1) * (seed + 1)) + 0.3f; }",
      "",
      "int main(void) {",
      "  \(name)_shape shape = {.batch = B, .space = S, .channels = C, .training = 1, .threads = 2};",
      "  const char *refusal = \(name)_refusal(&shape);",
      "  if (refusal) { printf(\"%s\\n\", refusal); return 1; }",
      "  static float x[COUNT], y[COUNT], dy[COUNT], dx[COUNT];",
      "  for (int i = 0; i < COUNT; i++) { x[i] = numbers(i, 1); dy[i] = numbers(i, 2); }",
    ]
    if !reals.isEmpty {
      lines.append("  \(name)_settings settings = \(name.uppercased())_DEFAULTS;")
    }
    for input in schema.inputs {
      lines += [
        "  static float in_\(input.name)[COUNT], d_in_\(input.name)[COUNT];",
        "  for (int i = 0; i < COUNT; i++) in_\(input.name)[i] = 0.5f + 0.4f * numbers(i, 5);",
      ]
    }
    for state in parameters + buffers {
      let value: String =
        switch state.initial {
        case .number(let v): "\(v)"
        case .hyper(let hyper) where reals.contains { $0.name == hyper }:
          "settings.\(Self.word(hyper))"
        default: "1"
        }
      lines += [
        "  static float p_\(state.name)[C], d_\(state.name)[C];",
        "  for (int i = 0; i < C; i++) p_\(state.name)[i] = (float)(\(value));",
        "  (void)d_\(state.name);",
      ]
    }
    func record(_ type: String, _ variable: String, _ members: [String]) {
      if members.isEmpty { return }
      lines.append("  \(name)_\(type) \(variable) = {\(members.joined(separator: ", "))};")
    }
    record("inputs", "inputs", schema.inputs.map { "in_\($0.name)" })
    record("input_gradients", "input_gradients", schema.inputs.map { "d_in_\($0.name)" })
    record("parameters", "parameters", parameters.map { "p_\($0.name)" })
    record("gradients", "gradients", parameters.map { "d_\($0.name)" })
    record("buffers", "buffers", buffers.map { "p_\($0.name)" })
    var first = ["&shape"]
    if !reals.isEmpty { first.append("&settings") }
    first.append("x")
    if !schema.inputs.isEmpty { first.append("&inputs") }
    if !parameters.isEmpty { first.append("&parameters") }
    if !buffers.isEmpty { first.append("&buffers") }
    var last = ["dy", "saved", "dx"]
    if !schema.inputs.isEmpty { last.append("&input_gradients") }
    if !parameters.isEmpty { last.append("&gradients") }
    let forward =
      "\(name)_forward(\((first + ["y", "saved", "workspace"]).joined(separator: ", ")));"
    lines += [
      "  void *saved = malloc((size_t)\(name)_saved_bytes(&shape) + 8);",
      "  void *workspace = malloc((size_t)\(name)_workspace_bytes(&shape) + 8);",
      "  if (!saved || !workspace) return 1;", "  \(forward)",
      "  \(name)_backward(\((first + last + ["0", "workspace"]).joined(separator: ", ")));",
      "  double sum = 0, change = 0;", "  for (int i = 0; i < COUNT; i++) sum += y[i];",
      "  for (int side = -1; side <= 1; side += 2) {", "    const float kept = x[1];",
      "    x[1] = kept + (float)side * 0.01f;", "    \(forward)",
      "    for (int i = 0; i < COUNT; i++) change += side * (double)y[i] * dy[i] / 0.02;",
      "    x[1] = kept;", "  }",
      "  printf(\"sum of y %.6f\\ndx[1] %.5f, by differences %.5f\\n\", sum, dx[1], change);",
      "  free(saved);", "  free(workspace);", "  return 0;", "}", "",
    ]
    return lines.joined(separator: "\n")
  }

  private var exampleChannels: Int {
    [6, 12, 32, 48, 64].first {
      guard let variant = variants.variant(for: values),
        let groups = variant.stored.groups.size(variants.integers(values), channels: $0)
      else { return false }
      return groups > 0 && $0 % groups == 0 && $0 > groups
    } ?? 64
  }
  private var exampleBatch: Int {
    let chunk = variants.variant(for: values)?.stored.chunk
    return 2 * (chunk?.size(variants.integers(values), channels: 64) ?? 2)
  }
}
