import Foundation
import Testing

/// `norma advise`: which norm suits a model.
@Suite("Advice")
struct AdviseTests {
  private func advice(
    _ script: String, _ options: [String] = []
  ) throws -> (found: Command, advice: [[String: Any]]) {
    let bench = try Workbench()
    let path = bench.path("model.lua")
    try Data(script.utf8).write(to: URL(filePath: path))
    let found = try Command(["advise", path, "--json", "--executor", "tiles"] + options)
    guard found.status == 0 else { return (found, []) }
    return (found, try #require(try found.json as? [[String: Any]]))
  }

  private func order(_ advice: [String: Any]) throws -> [String: Int?] {
    let choices = try #require(advice["choices"] as? [[String: Any]])
    var costs: [String: Int?] = [:]
    for choice in choices {
      costs[try #require(choice["norm"] as? String)] = .some(choice["cost"] as? Int)
    }
    return costs
  }

  private func script(
    _ layers: String, train: String = "steps = 200, batch = 64", more: String = ""
  )
    -> String
  {
    """
    model("net", { input = { 28, 28, 1 }, norm = "batch", \(layers) })
    experiment { name = "e", model = "net", data = dataset "shapes" { train = 512, validate = 64 },
      \(more) train = { \(train) } }
    """
  }

  private let convolutions = """
    nn.conv { 30, kernel = 3 }, nn.norm(), nn.relu(), nn.maxpool { 2 },
    nn.conv { 30, kernel = 3 }, nn.norm(), nn.relu(), nn.global_avgpool(), nn.linear { 4 }
    """

  @Test(
    "Convolutions: batch norm at a large batch, group norm at a small one or a small share of it")
  func convolution() throws {
    let large = try advice(script(convolutions))
    #expect(large.found.status == 0, "\(large.found.errors)")
    let facts = try #require(large.advice[0]["facts"] as? [String: Any])
    #expect(facts["kind"] as? String == "convolutional" && facts["batch"] as? Int == 64)
    let slots = try #require(facts["slots"] as? [[String: Any]])
    #expect(slots.map { $0["channels"] as? Int } == [30, 30])
    #expect(slots.map { $0["positions"] as? Int } == [784, 196])
    let costs = try order(large.advice[0])
    #expect(costs["batch"] == 0 && costs["group(groups=6)"] == 1)
    #expect(large.advice[0]["change"] is NSNull)
    for options in [["--batch", "2"], ["--workers", "32"]] {
      let small = try advice(script(convolutions), options)
      let costs = try order(small.advice[0])
      #expect(costs["batch"] == 3 && costs["group(groups=6)"] == 1)
      let change = try #require(small.advice[0]["change"] as? String)
      #expect(change.contains("in model \"net\" (model.lua:1), where \"batch\" is"))
    }
  }

  @Test("What cannot be is ruled out with its reason; what will go wrong is told")
  func risks() throws {
    // Groups that do not divide, dropout before running statistics, few steps, little data.
    let found = try advice(
      script(
        "nn.flatten(), nn.linear { 30 }, nn.dropout(0.2), nn.norm(), nn.relu(), nn.linear { 4 }",
        train: "steps = 12, batch = 16, optimizer = optim.adamw { rate = 1e-3 }",
        more: #"sweep = { { "norm", { "batch", norm.group { groups = 32 } } } },"#))
    #expect(found.found.status == 0, "\(found.found.errors)")
    let costs = try order(found.advice[0])
    #expect(costs["instance"] == .some(nil))
    #expect(costs["batch"] == 4, "running statistics do not settle in 12 steps")
    let risks = try #require(found.advice[0]["risks"] as? [[String: Any]])
    let texts = risks.compactMap { $0["text"] as? String }
    let changes = risks.compactMap { $0["change"] as? String }
    #expect(changes.contains("groups = one of 1 2 3 5 6 10 15 30 auto"))
    for words in [
      "must divide the 30 channels, got 32", "dropout before", "weight decay", "512 samples",
    ] {
      #expect(texts.contains { $0.contains(words) }, "\(words)")
    }
  }

  @Test("A causal transformer: nothing that sees later positions; post-norm asks for warm-up")
  func transformer() throws {
    let found = try advice(
      """
      local function model_of(name, layers)
        model(name, { input = { tokens = 8, vocabulary = "data" }, norm = "layer",
          nn.embed { 12 }, layers, nn.linear { "vocabulary" } })
        experiment { name = name, model = name, data = dataset "jargon-text" {},
          train = { steps = 40, batch = 8, optimizer = optim.adam { rate = 3e-3 } } }
      end
      model_of("pre", { nn.residual { nn.norm(), nn.attention { heads = 2, causal = true } }, nn.norm() })
      model_of("post", { nn.residual { nn.attention { heads = 2, causal = true } }, nn.norm() })
      """)
    #expect(found.found.status == 0, "\(found.found.errors)")
    #expect(found.advice.count == 2)
    for advice in found.advice {
      let costs = try order(advice)
      #expect(costs["rms"] == 0 && costs["layer"] == 0)
      #expect(costs["batch"] == .some(nil) && costs["instance"] == .some(nil))
    }
    let placements = found.advice.compactMap {
      ($0["facts"] as? [String: Any])?["placement"] as? String
    }
    #expect(placements == ["pre-norm", "post-norm"])
    let warm = found.advice.map { advice in
      (advice["risks"] as? [[String: Any]] ?? []).contains {
        ($0["change"] as? String)?.contains("warm_up") == true
      }
    }
    #expect(warm == [false, true])
  }

  @Test("Measured: every pair that the advice orders has a verdict that its interval bears out")
  func measured() throws {
    let found = try advice(
      script(convolutions), ["--measure", "--seeds", "2", "--minutes", "0.05"])
    #expect(found.found.status == 0, "\(found.found.errors)")
    let evidence = try #require(found.advice[0]["evidence"] as? [String: Any])
    #expect(evidence["measure"] as? String == "val_loss")
    let costs = try order(found.advice[0])
    let pairs = try #require(evidence["pairs"] as? [[String: Any]])
    let ordered = costs.values.compactMap { $0 }
    var expected = 0
    for (index, cost) in ordered.enumerated() {
      expected += ordered[(index + 1)...].count { $0 != cost }
    }
    #expect(pairs.count == expected && expected > 5)
    #expect(pairs.contains { $0["low"] is Double }, "none was compared")
    for pair in pairs {
      let (low, high) = (pair["low"] as? Double, pair["high"] as? Double)
      guard let low, let high else { continue }
      let verdict = low > 0 ? "held" : high < 0 ? "disagrees" : "unclear"
      #expect(pair["verdict"] as? String == verdict)
      let (better, worse) = (pair["better"] as? String ?? "", pair["worse"] as? String ?? "")
      #expect((costs[better] ?? nil) ?? 99 < (costs[worse] ?? nil) ?? 0)
    }
    let results = try #require(evidence["results"] as? [[String: Any]])
    let means = results.compactMap { $0["mean"] as? Double }
    #expect(means == means.sorted() && means.count == ordered.count)
  }

  @Test("Without an experiment, a norm or a sensible number there is no advice, and why")
  func mistakes() throws {
    for (script, options, status, words) in [
      ("print(1)", [], 65, "has no experiment"),
      (script("nn.flatten(), nn.linear { 4 }"), [], 65, "no norm to advise on"),
      (script(convolutions), ["--workers", "65"], 65, "65 workers cannot share a batch of 64"),
      (script(convolutions), ["--batch", "0"], 64, "--batch must be from 1 to 1000000000, got 0"),
      (script(convolutions), ["--seeds", "1"], 64, "--seeds must be from 2 to 100"),
      (script(convolutions), ["--batch", "1000"], 65, "a batch of 1000 does not fit in 512"),
      (script("nn.linear { 4, 5 }"), [], 65, "model.lua:1"),
    ] {
      let found = try advice(script, options).found
      #expect(found.status == status && found.errors.contains(words), "\(words): \(found.errors)")
    }
  }
}
