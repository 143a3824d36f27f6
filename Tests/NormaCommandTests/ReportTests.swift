import Foundation
import Testing

/// `norma report`: what runs found, as one page.
@Suite("Reports")
struct ReportTests {
  private static let hostile = "</script><img src=x onerror=alert(1)>&quot;'"

  /// A sweep of two norms, two batches and two seeds, and of an option with a hostile name.
  private static func sweep(_ bench: Workbench) throws -> String {
    try write(
      """
      -- \(hostile)
      norm.define("mine", { doc = [[\(hostile)]], param = { gamma = norm.per_channel(1) },
        forward = function(x, s) return x / (x * x):mean("channel"):sqrt() * s.gamma end })
      model("net", { input = { 2 }, options = { word = [[\(hostile)]] }, build = function(o)
        return { nn.linear { 16 }, nn.norm(), nn.relu(), nn.linear { 3 } } end })
      local r = experiment { name = "s <b>", model = "net",
        data = dataset "spirals" { train = 96, validate = 30 },
        sweep = { { "norm", { "batch", "mine" } }, { "batch", { 16, 8 } },
          { "word", { [[\(hostile)]] } }, { "seed", { 1, 2 } } },
        train = { steps = 60, batch = 16, clip = 1 }, observe = 10 }
      print(r:report "pages/own.html")
      """, to: bench.path("sweep.lua"))
    let out = bench.path("runs")
    let found = try Command(
      ["run", bench.path("sweep.lua"), "--out", out, "--executor", "tiles", "--quiet"])
    #expect(found.status == 0, "\(found.errors)")
    #expect(found.output == out + "/pages/own.html\n")
    return out
  }

  private static func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  private static func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  /// The data of the page's charts.
  private static func charts(_ page: String) throws -> [[String: Any]] {
    try page.components(separatedBy: "<script type=\"application/json\">").dropFirst().map { part in
      let json = part.components(separatedBy: "</script>")[0]
      return try #require(
        try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }
  }

  private static func events(_ folder: String) throws -> [[String: Any]] {
    try text(folder + "/events.jsonl").split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  @Test("The page has every section, the runs' own numbers, and nothing of a script as markup")
  func page() throws {
    let bench = try Workbench()
    let runs = try Self.sweep(bench)
    let found = try Command(
      ["report", runs, "-o", bench.path("r.html"), "--figures", bench.path("figures")])
    #expect(found.status == 0, "\(found.errors)")
    let page = try Self.text(bench.path("r.html"))
    for id in [
      "results", "configuration", "curves", "sweep", "behaviour", "timing", "norms", "environment",
      "scripts",
    ] {
      #expect(page.contains("<section id=\"\(id)\""), "\(id)")
    }
    #expect(!page.contains("<img") && !page.contains("s <b>"))
    #expect(page.contains("s &lt;b&gt;") && page.contains("&lt;/script&gt;&lt;img"))
    #expect(!page.contains("src=\"") && !page.contains("href=\"http"))
    #expect(page.contains("default-src 'none'"))
    // The first chart: training loss of both norms at batch 16, means over the seeds.
    let chart = try #require(try Self.charts(page).first)
    let series = try #require(chart["series"] as? [[String: Any]])
    #expect(series.map { $0["name"] as? String } == ["batch", "mine"])
    let names = try bench.names("runs").filter { $0.contains("norm-mine-batch-16") }
    #expect(names.count == 2)
    let losses = try names.map { name in
      try Self.events(runs + "/" + name).filter { $0["type"] as? String == "step" }
        .map { try #require($0["loss"] as? Double) }
    }
    let shown = try #require(series[1]["y"] as? [Double])
    #expect(shown.count == 60 && losses[0].count == 60)
    for (index, value) in shown.enumerated() {
      let mean = (losses[0][index] + losses[1][index]) / 2
      #expect(abs(value - mean) <= 1e-5 * abs(mean))
    }
    // The table: the mean of what the seeds ended with.
    let ends = try names.map { try #require(try Self.events(runs + "/" + $0).last) }
    let mean = try ends.reduce(0) { $0 + (try #require($1["val_loss"] as? Double)) } / 2
    let values = page.matches(of: /data-value="([^"]*)"/).compactMap { Double($0.output.1) }
    #expect(values.contains { abs($0 - mean) <= 1e-12 * mean }, "\(mean) of \(values)")
    let figures = try bench.names("figures")
    #expect(figures.contains("val-accuracy.svg") && figures.contains("val-loss.svg"))
    for name in figures {
      let parser = XMLDocumentCheck(Data(try Self.text(bench.path("figures/" + name)).utf8))
      #expect(parser.isWellFormed, "\(name)")
    }
  }

  @Test("A sweep's own page follows it cell by cell and says when it is whole")
  func live() throws {
    let bench = try Workbench()
    let runs = try Self.sweep(bench)
    let page = try Self.text(runs + "/report.html")
    #expect(page.contains("<body data-unfinished=\"false\">") && page.contains("8 runs"))
    // A cell is missing, another has not ended: what is there is shown, and that it is not all.
    let cells = try bench.names("runs").filter { $0.hasPrefix("00") }
    try FileManager.default.removeItem(atPath: "\(runs)/\(cells[7])/events.jsonl")
    let events = "\(runs)/\(cells[0])/events.jsonl"
    let lines = try Self.text(events).split(separator: "\n").dropLast()
    try Self.write(lines.joined(separator: "\n") + "\n", to: events)
    let path = bench.path("part.html")
    #expect(try Command(["report", runs, "-o", path]).status == 0)
    let part = try Self.text(path)
    #expect(part.contains("7 of 8 runs so far, 1 of them not at its end"))
    #expect(part.contains("<body data-unfinished=\"true\">") && part.contains("2: 1 unfinished"))
  }

  @Test("Events that somebody made up end nothing")
  func hostileEvents() throws {
    let bench = try Workbench()
    let runs = try Self.sweep(bench)
    let cells = try bench.names("runs").filter { $0.hasPrefix("00") }
    let ends = [
      #""val_loss":1.7e308,"val_accuracy":-1e308,"parameters":1e300,"steps":-5,"step_ms":1e-300"#,
      #""val_loss":0,"val_accuracy":1e308,"parameters":-1,"seconds":"x""#,
      #""val_loss":"nan","parameters":null"#,
    ]
    for (cell, end) in zip(cells, ends) {
      let path = "\(runs)/\(cell)/events.jsonl"
      try Self.write(
        try Self.text(path).split(separator: "\n").dropLast().joined(separator: "\n")
          + "\n" + #"{"type":"step","step":1e300,"loss":1}"# + "\n"
          + #"{"type":"step","step":9223372036854775807,"loss":1e308}"# + "\n"
          + #"{"type":"step","step":-3,"loss":-1e308}"# + "\n"
          + #"{"type":"norms","step":7,"layers":[{"layer":"2.norm","parameters":[{"low":5,"high":1}]},3]}"#
          + "\n" + #"{"type":"done","status":"completed",\#(end)}"# + "\n", to: path)
    }
    for arguments in [
      ["report", runs, "-o", bench.path("r.html"), "--figures", bench.path("f")],
      ["runs", "show", runs], ["runs", "compare", runs, "--value", "val_loss"],
      ["export-run", runs, "--to", "latex"], ["export-run", runs, "--to", "csv"],
      ["export-run", runs, "--to", "tensorboard", "-o", bench.path("board")],
      ["run", bench.path("sweep.lua"), "--out", runs, "--resume", "--executor", "tiles"],
    ] {
      let found = try Command(arguments)
      #expect(found.status == 0, "\(arguments): \(found.errors)")
    }
  }

  @Test("What cannot be reported says why")
  func mistakes() throws {
    let bench = try Workbench()
    let nowhere = try Command(["report", "runs"])
    #expect(nowhere.status == 64 && nowhere.errors.contains("norma report RUN -o report.html"))
    let empty = try Command(["report", bench.folder.path, "-o", bench.path("r.html")])
    #expect(empty.status == 66 && empty.errors.contains("there is no run in"))
    #expect(!FileManager.default.fileExists(atPath: bench.path("r.html")))
    let script = bench.path("out.lua")
    try Self.write(
      """
      model("net", { input = { 2 }, nn.linear { 3 } })
      local r = experiment { model = "net", data = dataset "spirals" { train = 96, validate = 30 },
        train = { steps = 3, batch = 16 } }
      r:report "../../out.html"
      """, to: script)
    let out = try Command(["run", script, "--out", bench.path("one"), "--quiet"])
    #expect(out.status == 65 && out.errors.contains("leads out of the run's folder"))
    let one = try Command(["report", bench.path("one"), "-o", bench.path("no/such/r.html")])
    #expect(one.status == 74 && one.errors.contains("no/such/r.html"))
    // A run without norms has a page too.
    #expect(try Command(["report", bench.path("one"), "-o", bench.path("r.html")]).status == 0)
    #expect(try !Self.text(bench.path("r.html")).contains("<section id=\"behaviour\""))
  }

  @Test("In a browser: no error, no request, and everything can be used by hand and by keyboard")
  func browser() throws {
    let names = ["chromium-headless-shell", "chromium", "google-chrome", "chrome"]
    let folders = ["/usr/bin", "/usr/local/bin"]
    let programs = names.flatMap { name in folders.map { $0 + "/" + name } }
    guard let program = programs.first(where: FileManager.default.isExecutableFile) else {
      print("no browser of \(names): the page is not tried in one")
      return
    }
    let bench = try Workbench()
    let runs = try Self.sweep(bench)
    // The page's policy allows a script of its own: one at its end plays the reader.
    let reader = """
      <script>
      const said = [], say = text => said.push(text);
      window.addEventListener('error', event => say('ERROR ' + event.message));
      addEventListener('securitypolicyviolation', event => say('VIOLATION ' + event.blockedURI));
      setTimeout(() => {
        const chart = document.querySelector('figure.chart'), svg = chart.querySelector('svg');
        const lines = () => [...svg.querySelectorAll('.line')].map(line => line.getAttribute('d'));
        const before = lines();
        svg.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }));
        say('read ' + chart.querySelector('.readout').textContent);
        chart.querySelector('.legend button').click();
        say('hidden ' + svg.querySelector('.line').style.display + ' '
          + chart.querySelector('.legend button').getAttribute('aria-pressed'));
        chart.querySelector('.legend button').click();
        const scale = document.getElementById('scale');
        scale.value = 'log'; scale.dispatchEvent(new Event('change'));
        say('log ' + (lines()[0] !== before[0]));
        scale.value = 'auto'; scale.dispatchEvent(new Event('change'));
        // The script draws what the program drew, but for the last digit of a pixel.
        const numbers = text => text.match(/[-0-9.]+/g).map(Number);
        say('same ' + lines().every((d, i) => { const a = numbers(d), b = numbers(before[i]);
          return a.length === b.length && a.every((v, k) => Math.abs(v - b[k]) < 0.21); }));
        const smooth = document.getElementById('smooth');
        smooth.value = 0.9; smooth.dispatchEvent(new Event('input'));
        say('smooth ' + (lines()[0] !== before[0]));
        const table = document.querySelector('#results table'), head = [...table.tHead.rows[0].cells];
        const column = head.findIndex(cell => cell.textContent.startsWith('val_loss'));
        head[column].querySelector('button').click();
        const values = [...table.tBodies[0].rows].map(row => Number(row.cells[column].dataset.value));
        say('sorted ' + values.every((v, i) => !i || v >= values[i - 1]) + ' ' + head[column].ariaSort);
        say('wide ' + (document.documentElement.scrollWidth <= innerWidth));
        const out = document.createElement('pre');
        out.id = 'said'; out.textContent = said.join('\\n'); document.body.append(out);
      }, 200);
      </script>
      """
    let page = try Self.text(runs + "/report.html")
    try Self.write(
      page.replacingOccurrences(of: "</body>", with: reader + "</body>"), to: bench.path("t.html"))
    for width in [1200, 380] {
      let found = try Command(
        [
          "--headless", "--no-sandbox", "--disable-gpu", "--window-size=\(width),900",
          "--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom",
          "--log-net-log=" + bench.path("net.json"), "file://" + bench.path("t.html"),
        ], program: URL(filePath: program))
      try #require(found.status == 0, "\(found.errors)")
      let said =
        found.output.components(separatedBy: "<pre id=\"said\">").last?
        .components(separatedBy: "</pre>")[0] ?? ""
      #expect(said.contains("read step 60: batch ") && said.contains(", mine "), "\(said)")
      for line in [
        "hidden none false", "log true", "same true", "smooth true", "sorted true ascending",
        "wide true",
      ] {
        #expect(said.contains(line), "\(line): \(said)")
      }
      #expect(!said.contains("ERROR") && !said.contains("VIOLATION"), "\(said)")
      #expect(!found.errors.contains("CONSOLE"), "\(found.errors)")
      let log = try Self.text(bench.path("net.json"))
      let requests = log.components(separatedBy: "\"url\":\"").dropFirst().map {
        $0.components(separatedBy: "\"")[0]
      }.filter { $0.hasPrefix("http") }
      #expect(requests.isEmpty, "\(requests)")
    }
  }
}

/// Whether a document is well-formed XML.
private final class XMLDocumentCheck {
  let isWellFormed: Bool

  init(_ data: Data) {
    // Tags must close in order; attributes are quoted and hold no markup.
    var open: [Substring] = []
    var rest = Substring(String(decoding: data, as: UTF8.self))
    var isFine = true
    while let start = rest.firstIndex(of: "<"), let end = rest[start...].firstIndex(of: ">") {
      let tag = rest[rest.index(after: start)..<end]
      let name = tag.drop { $0 == "/" }.prefix { !" /".contains($0) }
      if tag.contains("<") || tag.count(where: { $0 == "\"" }) % 2 == 1 { isFine = false }
      if tag.hasPrefix("/") {
        if open.popLast() != name { isFine = false }
      } else if !tag.hasSuffix("/") {
        open.append(name)
      }
      rest = rest[rest.index(after: end)...]
    }
    isWellFormed = isFine && open.isEmpty
  }
}
