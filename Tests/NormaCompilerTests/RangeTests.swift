import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import Testing

private let session = NativeSession(
  environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60))

/// What machine code makes of the first rows of one endless matrix.
private func output(
  _ formula: (Expr) -> Expr, rows: Int, by executor: String = "native"
) throws -> [Float] {
  let layout = try TensorLayout(shape: [rows, 40])
  let program = try NormProgram(
    inputs: [("x", .all)], parameters: [], buffers: [], hyper: [], output: formula(.input("x")),
    updates: [], gradient: false)
  let kernel = try TilesKernel(
    program: program, layout: layout, native: executor == "native" ? session : nil)
  session.settle()
  #expect(kernel.executor == executor, "\(session.notes)")
  return try #require(try kernelResults(kernel, program, layout, threads: 1)["y"])
}

/// The interpreter rounds elsewhere; where a statistic is past what floats hold it takes over.
@Test("Rows that the last slice lacks do not send the others to the interpreter")
func lackingRows() throws {
  // Nothing, normalised by nothing, is infinite.
  let formulas: [(Expr) -> Expr] = [
    { $0 / $0.meanSquare(.channel).sqrt() }, { $0 * $0.meanSquare(.channel).log() },
  ]
  for formula in formulas {
    let whole = try output(formula, rows: 64)
    #expect(try output(formula, rows: 64, by: "tiles") != whole, "bits do not tell them apart")
    for rows in 57...63 {
      #expect(try output(formula, rows: rows) == Array(whole[..<(rows * 40)]), "\(rows) rows")
    }
  }
}
