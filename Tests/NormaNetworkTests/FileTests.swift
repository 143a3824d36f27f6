import Foundation
import NormaCore
import NormaNetwork
import NormaNorms
import Testing

@Suite(.serialized) struct FileTests {
  private let spec = ModelSpec(
    "small", input: [6, 5, 2], norm: NormSpec("group", ["groups": .int(2)]),
    layers: [
      .conv(4, kernel: 3), .norm(), .relu,
      .residual([.conv(4, kernel: 3), .norm(NormSpec("batch"))]),
      .flatten, .dropout(0.2), .linear(3),
    ], place: SourcePlace(file: "models.lua", line: 3))

  private func build(_ spec: ModelSpec, seed: UInt64) throws -> Network {
    try Network(spec, registry: .builtIn(), batch: 3, training: plainSGD, seed: seed)
  }

  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "norma-network-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  @Test func modelsSurviveJSON() throws {
    var spec = spec
    spec.layers.append(
      LayerSpec("maxpool", ["kernel": .numbers([2, 3]), "padding": .text("same")]))
    spec.layers.append(
      .norm(
        NormSpec(
          "batch", ["momentum": .real(0.25), "scale": .bool(false)], preset: "keras",
          place: SourcePlace(file: "a.lua", line: 9))))
    let copy = try ModelSpec(json: spec.json())
    #expect(copy == spec)
    #expect(copy.layers.last?.norm?.place == SourcePlace(file: "a.lua", line: 9))
    #expect(throws: NormaError.self) { try ModelSpec(json: "{\"name\": 3}") }
    #expect(throws: NormaError.self) { try ModelSpec(json: "nonsense") }
  }

  @Test func trainingSpecsSurviveJSON() throws {
    let spec = TrainingSpec(
      optimizer: .adamW(rate: 0.001, decay: 0.05),
      schedule: ScheduleSpec(.step(every: 7, factor: 0.3), warmUp: 2), steps: 9, clipNorm: 1)
    let data = try JSONEncoder().encode(spec)
    #expect(try JSONDecoder().decode(TrainingSpec.self, from: data) == spec)
  }

  @Test func aSavedNetworkComesBack() throws {
    try inFolder { folder in
      let path = folder + "/net.safetensors"
      let net = try build(spec, seed: 1)
      let x = normal(180, seed: 4)
      for step in 0..<3 { _ = try net.trainStep(input: x, labels: [0, 1, 2], step: step) }
      try net.save(to: path, dataset: "mean 0.5", metadata: ["note": "ünï \"quoted\""])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["net.safetensors"])

      let again = try build(ModelSpec(savedIn: path), seed: 2)
      #expect(try stateBits(again) != stateBits(net))
      try again.load(from: path)
      #expect(try stateBits(again) == stateBits(net))
      #expect(try again.outputs(for: x) == net.outputs(for: x))

      let file = try SafeTensors(contentsOf: path)
      #expect(file.metadata[CheckpointKey.dataset] == "mean 0.5")
      #expect(file.metadata["note"] == "ünï \"quoted\"")
      #expect(file.metadata[CheckpointKey.norms]?.contains("\"groups\":2") == true)
      #expect(file.tensors.contains { $0.name == "4.residual.2.norm.variance" })
    }
  }

  @Test("A checkpoint in which a byte was changed is refused, and nothing is taken from it")
  func alteredCheckpoint() throws {
    try inFolder { folder in
      let path = folder + "/checkpoint.safetensors"
      let net = try build(spec, seed: 1)
      try net.saveCheckpoint(to: path, metadata: ["note": "as it was"])
      let whole = try Data(contentsOf: URL(filePath: path))
      let other = try build(spec, seed: 2)
      let before = try stateBits(other)
      for part in ["norma.sha256", "as it was", nil] {
        var altered = whole
        let place = try part.map { try #require(whole.range(of: Data($0.utf8))).lowerBound }
        altered[place ?? altered.endIndex - 1] ^= 1
        try altered.write(to: URL(filePath: path))
        let file = try SafeTensors(contentsOf: path)
        let error = #expect(throws: NormaError.self) {
          try other.restore(file, from: path, step: 0)
        }
        #expect(error?.code == .data && error?.message.contains("is damaged") == true)
        // Without a hash it is weights like any other's.
        if part != "norma.sha256" {
          let loaded = #expect(throws: NormaError.self) { try other.load(from: path) }
          #expect(loaded?.message.contains("is damaged") == true)
        }
        #expect(try stateBits(other) == before)
      }
      try whole.write(to: URL(filePath: path))
      try other.restore(SafeTensors(contentsOf: path), from: path, step: 0)
      #expect(try stateBits(other) == stateBits(net))
    }
  }

  @Test func filesThatDoNotFit() throws {
    try inFolder { folder in
      let path = folder + "/net.safetensors"
      let net = try build(spec, seed: 1)
      try net.save(to: path)
      var other = spec
      other.layers[6] = .linear(4)
      other.layers[5] = .linear(8)
      let wrong = try build(other, seed: 1)
      let before = try stateBits(wrong)
      let error = try #require(throws: NormaError.self) { try wrong.load(from: path) }
      #expect(error.code == .data)
      #expect(error.notes.contains { $0.contains("7.linear.weight: the model has [4, 8]") })
      #expect(error.notes.contains("6.linear.weight is missing"))
      #expect(try stateBits(wrong) == before)

      let missing = #expect(throws: NormaError.self) { try net.load(from: folder + "/no") }
      #expect(missing?.code == .inputMissing)
      let unwritable = #expect(throws: NormaError.self) { try net.save(to: folder + "/no/x") }
      #expect(unwritable?.code == .io)
    }
  }

  @Test func damagedFiles() throws {
    try inFolder { folder in
      let path = folder + "/net.safetensors"
      let net = try build(spec, seed: 1)
      try net.save(to: path)
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      let before = try stateBits(net)
      for length in [0, 5, 8, 40, whole.count / 2, whole.count - 1] {
        try whole.prefix(length).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: NormaError.self) { try net.load(from: path) }
        #expect(error?.code == .data, "\(length) bytes")
      }
      for text in [
        "[]", "{\"a\": 3}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,-4]}}",
      ] {
        var data = withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Data($0) }
        data.append(Data(text.utf8))
        data.append(Data(count: 4))
        try data.write(to: URL(fileURLWithPath: path))
        #expect(throws: NormaError.self) { try SafeTensors(contentsOf: path) }
      }
      try Data([255, 255, 255, 255, 255, 255, 255, 255, 1]).write(to: URL(fileURLWithPath: path))
      #expect(throws: NormaError.self) { try SafeTensors(contentsOf: path) }
      #expect(try stateBits(net) == before)
    }
  }
}
