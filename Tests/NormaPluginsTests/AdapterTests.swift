import Foundation
import NormaCore
import NormaNorms
import NormaPlugins
import Synchronization
import Testing

@Suite("What a descriptor says reaches scripts, and what a script says reaches the plugin")
struct AdapterTests {
  let workshop: Workshop
  let registry = NormRegistry()
  let messages = Messages()

  final class Messages: Sendable {
    let all = Mutex<[String]>([])
  }

  init() throws {
    workshop = try Workshop()
    let messages = messages
    let services = HostServices(log: { level, text in
      messages.all.withLock { $0.append("\(level): \(text)") }
    })
    try PluginLoader(services: services).load(
      try workshop.library("rich", richPlugin), into: registry)
  }

  private func bench(
    _ hyper: [String: HyperValue] = [:], shape: [Int] = [5, 4]
  ) throws -> Bench {
    var bench = try Bench(
      NormSpec("rich/all", hyper), TensorLayout(shape: shape), in: registry)
    bench.secondInputs = [Array(repeating: 0, count: shape.last ?? 1)]
    return bench
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test("hyper-parameters, states and inputs appear in the schema")
  func schema() throws {
    let schema = try registry.entry("rich/all").schema
    #expect(
      schema.settableNames
        == ["groups", "momentum", "affine", "kind", "width", "start", "num_groups"])
    #expect(
      schema.hyper[0].rangeText.contains("divides the channel count, or \"channel\", \"half\""))
    #expect(schema.hyper[4].defaultValue == .none)
    #expect(schema.parameters.map(\.name) == ["w", "s", "m"])
    #expect(schema.parameters.map(\.role) == [.weight, .shift, .gain])
    #expect(schema.buffers.map(\.name) == ["mean"])
    #expect(schema.inputs.map(\.name) == ["offset"])
    #expect(schema.inputs.map(\.roles) == [.channel])
  }

  @Test("states have the shape of their roles and start where they should")
  func states() throws {
    let bench = try bench(["groups": .int(2), "start": .real(5)])
    #expect(bench.parameters == [[5, 5], [0.5, 0.5, 0.5, 0.5], [1, 1]])
    #expect(bench.buffers == [[7]])
    #expect(try self.bench(["affine": .bool(false)]).parameters == [[3], [1, 1, 1, 1]])
  }

  @Test("values, states and the second input reach the plugin in their order")
  func forward() throws {
    var bench = try bench(["groups": .int(2), "kind": .choice("negated")])
    bench.parameters[0] = [2, 3]
    bench.secondInputs = [[10, 20, 30, 40]]
    bench.mode = .infer
    let result = try bench.run()
    for k in 0..<20 {
      let w: Float = k % 4 < 2 ? 2 : 3
      #expect(result.y[k] == -bench.x[k] * w + 0.5 + Float(k % 4 + 1) * 10)
    }
    #expect(result.buffers == [[7]])
    #expect(result.sentinelsHold)
    #expect(messages.all.withLock { $0.last } == "info: made one")
  }

  @Test("an absent parameter is absent, and words are given as words")
  func absent() throws {
    let bench = try bench(["affine": .bool(false), "groups": .choice("half")])
    #expect(try bench.layer.kernel(for: bench.layout, mode: .infer).executor == "org.rich")
    let infer = try self.bench(["affine": .bool(false)])
    var run = infer
    run.mode = .infer
    #expect(try run.run().y == infer.x.map { $0 * 3 })
  }

  @Test("training updates buffers with the momentum of the call")
  func buffers() throws {
    var bench = try bench()
    bench.x = Array(repeating: 3, count: 20)
    bench.hyper = [0.25, 3]
    #expect(try bench.run().buffers == [[0.75 * 7 + 0.25 * 3]])
    bench.mode = .infer
    #expect(try bench.run().buffers == [[7]])
  }

  @Test("constraints are checked when a layer is built, with the numbers in the message")
  func constraints() {
    #expect(message { _ = try bench(["groups": .int(3)]) }.contains("must divide the 4 channels"))
    #expect(
      message { _ = try bench(["width": .int(5)]) }
        .contains("norm.rich/all: 'width' must be at most the 4 channels, got 5"))
    #expect(
      message { _ = try bench(["groups": .int(4), "width": .int(2)]) }
        .contains("'groups' must be at most 'width', which is 2, got 4"))
    #expect(
      message { _ = try bench(["groups": .int(8)], shape: [5, 16]) }
        .contains("'groups' must be one of 1, 2, 4, got 8"))
    #expect(
      message { _ = try bench(["num_groups": .int(2), "groups": .int(2)]) }
        .contains("set the same thing"))
  }

  @Test("the plugin's own refusal names the hyper-parameter, the norm and the plugin")
  func refusal() {
    let text = message { _ = try bench(["width": .int(13)], shape: [5, 16]) }
    #expect(text.contains("norm.rich/all: 'width': 13 brings bad luck"), "\(text)")
    #expect(text.contains("plugin org.rich 2, during create"))
    let bare = message { _ = try bench(["width": .int(3)]) }
    #expect(bare.contains("failed with status 99 and gave no reason"), "\(bare)")
  }

  @Test("shapes and layouts that the plugin does not take are refused with what it takes")
  func layouts() throws {
    func kernel(_ layout: TensorLayout, _ mode: Mode = .infer) -> String {
      message {
        _ = try Bench(NormSpec("rich/all"), layout, in: registry).layer.kernel(
          for: layout, mode: mode)
      }
    }
    let says = [
      (try TensorLayout(shape: [5, 3, 4], axis: [1]), "takes the channel axis last"),
      (try TensorLayout(shape: [5, 2, 3, 4]), "takes ranks 2 to 3"),
      (try TensorLayout(shape: [4]), "takes ranks 2 to 3"),
      (try TensorLayout(shape: [5, 4], strides: [9, 1]), "C order"),
      (try TensorLayout(shape: [11, 4]), "'offset': eleven samples"),
    ]
    for (layout, words) in says { #expect(kernel(layout).contains(words), "\(kernel(layout))") }
    #expect(kernel(try TensorLayout(shape: [5, 3, 4], axis: [1, 2])) == "no error")
    #expect(kernel(try TensorLayout(shape: [5, 4]), .train).contains("cannot give gradients"))
  }

  @Test("memory that does not fit the kernel is refused before the plugin sees it")
  func wrongMemory() throws {
    var wrong = try bench()
    wrong.mode = .infer
    wrong.secondInputs = []
    #expect(message { _ = try wrong.run() }.contains("1 inputs given, 2 needed"))
    wrong = try bench()
    wrong.mode = .infer
    wrong.hyper = []
    #expect(message { _ = try wrong.run() }.contains("0 real hyper-parameters given, 2 needed"))
  }
}
