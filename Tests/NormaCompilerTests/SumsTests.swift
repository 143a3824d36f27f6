import CKernels
import NormaCore
import Testing

/// Sums of products, beside the same in double, where two share their terms but for their factors.
struct SumsTests {
  struct Case: Sendable {
    let rows: Int
    let length: Int
    /// Whether a sum belongs to a column; otherwise to a row.
    let isByColumn: Bool
    var large = false
    var factor: Float = 1.5
  }

  /// Numbers that live as long as a test.
  private final class Numbers {
    private var owned: [UnsafeMutableRawPointer] = []
    private var random = RandomSource(seed: 11)

    deinit { for pointer in owned { pointer.deallocate() } }

    func floats(_ count: Int, _ make: (Double) -> Float = { Float($0) }) -> UnsafeMutablePointer<
      Float
    > {
      let p = UnsafeMutablePointer<Float>.allocate(capacity: count)
      for i in 0..<count { p[i] = make(random.normal()) }
      owned.append(p)
      return p
    }
    func zeros(_ count: Int) -> UnsafeMutablePointer<Double> {
      let p = UnsafeMutablePointer<Double>.allocate(capacity: count)
      p.initialize(repeating: 0, count: count)
      owned.append(p)
      return p
    }
  }

  @Test(
    "Twins get what their terms come to, each with its own factors",
    arguments: [false, true].flatMap { isByColumn in
      [(1, 3), (5, 15), (3, 16), (4, 50), (9, 64), (21, 129), (40, 1040)].flatMap { rows, length in
        [
          Case(rows: rows, length: length, isByColumn: isByColumn),
          Case(rows: rows, length: length, isByColumn: isByColumn, large: true),
        ]
      }
    })
  func twins(_ test: Case) {
    let numbers = Numbers()
    let (n, rows) = (test.length, test.rows)
    let count = test.isByColumn ? n : rows
    let a = numbers.floats(n * rows) { Float($0 * (test.large ? 1e25 : 1) + 3) }
    let e = numbers.floats(n * rows) { Float($0 * (test.large ? 1e25 : 1)) }
    let (mean, rest) = (numbers.floats(count), numbers.floats(count) { Float($0 * 1e-8) })
    let (scale, gain) = (numbers.floats(count), numbers.floats(count))
    let one = numbers.floats(1) { _ in 1 }
    func full(_ p: UnsafeMutablePointer<Float>) -> ck_operand {
      ck_operand(data: p, row_stride: n, inner_stride: 1)
    }
    func small(_ p: UnsafeMutablePointer<Float>) -> ck_operand {
      ck_operand(
        data: p, row_stride: test.isByColumn ? 0 : 1, inner_stride: test.isByColumn ? 1 : 0)
    }
    let constant = ck_operand(data: one, row_stride: 0, inner_stride: 0)
    func place(_ p: UnsafeMutablePointer<Double>?) -> ck_accumulator {
      ck_accumulator(
        data: p, row_stride: test.isByColumn ? 0 : 1, inner_stride: test.isByColumn ? 1 : 0,
        plane: count)
    }
    let (products, firsts, others) = (
      numbers.zeros(count), numbers.zeros(count), numbers.zeros(count)
    )
    var twin = ck_sums()
    twin.values.a = full(a)
    twin.values.e = full(e)
    twin.values.b = small(mean)
    twin.values.c = small(rest)
    twin.values.d = small(scale)
    twin.values.f = constant
    twin.values.stats_vary = test.isByColumn ? 1 : 0
    var sums = twin
    sums.values.d = constant
    sums.values.f = small(gain)
    sums.products = place(products)
    sums.firsts = place(firsts)
    twin.products = place(others)
    withUnsafePointer(to: twin) {
      sums.twin = $0
      ck_accumulate_sums(&sums, rows, n)
    }
    for k in 0..<count {
      var (product, first, other, size, firstSize) = (0.0, 0.0, 0.0, 0.0, 0.0)
      for j in 0..<(test.isByColumn ? rows : n) {
        let i = test.isByColumn ? j * n + k : k * n + j
        let centered = Double(a[i]) - Double(mean[k]) - Double(rest[k])
        product += Double(e[i]) * centered * Double(gain[k])
        first += Double(e[i]) * Double(gain[k])
        other += Double(e[i]) * centered * Double(scale[k])
        size += abs(Double(e[i])) * (abs(Double(a[i])) + abs(Double(mean[k])))
        firstSize += abs(Double(e[i]) * Double(gain[k]))
      }
      #expect(abs(products[k] - product) <= 3e-7 * size * abs(Double(gain[k])))
      #expect(abs(firsts[k] - first) <= 3e-7 * firstSize)
      #expect(abs(others[k] - other) <= 3e-7 * size * abs(Double(scale[k])))
    }
  }

  /// A parameter may be infinite; what is then not a number must be so for a reason.
  @Test("A row shorter than a line adds nothing but its terms")
  func shortRow() {
    let numbers = Numbers()
    let (a, e) = (numbers.floats(3) { _ in 2 }, numbers.floats(3) { _ in 1 })
    let (zero, one) = (numbers.floats(1) { _ in 0 }, numbers.floats(1) { _ in 1 })
    let infinite = numbers.floats(1) { _ in .infinity }
    func number(_ p: UnsafeMutablePointer<Float>) -> ck_operand {
      ck_operand(data: p, row_stride: 0, inner_stride: 0)
    }
    let totals = numbers.zeros(2)
    var twin = ck_sums()
    twin.values.a = ck_operand(data: a, row_stride: 3, inner_stride: 1)
    twin.values.e = ck_operand(data: e, row_stride: 3, inner_stride: 1)
    (twin.values.b, twin.values.c) = (number(zero), number(zero))
    (twin.values.d, twin.values.f) = (number(one), number(one))
    var sums = twin
    sums.values.f = number(infinite)
    sums.products = ck_accumulator(data: totals, row_stride: 0, inner_stride: 0, plane: 1)
    twin.products = ck_accumulator(data: totals + 1, row_stride: 0, inner_stride: 0, plane: 1)
    withUnsafePointer(to: twin) {
      sums.twin = $0
      ck_accumulate_sums(&sums, 1, 3)
    }
    #expect(totals[0] == .infinity)
    #expect(totals[1] == 6)
  }
}
