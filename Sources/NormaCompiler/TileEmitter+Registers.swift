import CKernels

extension TilePlanner {
  /// Gives virtual registers real ones: a register is free again after its last use.
  func assignRegisters(
    _ passes: [[Emitted]]
  ) -> (programs: [[ck_instruction]], registers: Int) {
    var lastUse: [Int: Int] = [:]
    var position = 0
    for emitted in passes.joined() {
      for register in [emitted.a, emitted.b, emitted.c, emitted.e, emitted.target] {
        if let register { lastUse[register] = position }
      }
      position += 1
    }
    var real: [Int: Int] = [:]
    var free: [Int] = []
    var count = 0
    position = 0
    var result: [[ck_instruction]] = []
    for pass in passes {
      var instructions: [ck_instruction] = []
      for var emitted in pass {
        func place(_ register: Int?) -> Int32? { register.flatMap { real[$0] }.map(Int32.init) }
        if let r = place(emitted.a) { emitted.instruction.a.index = r }
        if let r = place(emitted.b) { emitted.instruction.b.index = r }
        if let r = place(emitted.c) { emitted.instruction.c.index = r }
        if let r = place(emitted.e) { emitted.instruction.e.index = r }
        for register in Set([emitted.a, emitted.b, emitted.c, emitted.e].compactMap { $0 }).sorted()
        where lastUse[register] == position {
          if let r = real[register] { free.append(r) }
        }
        if let target = emitted.target {
          let r = free.popLast() ?? count
          if r == count { count += 1 }
          real[target] = r
          emitted.instruction.target.index = Int32(r)
          if lastUse[target] == position { free.append(r) }
        }
        instructions.append(emitted.instruction)
        position += 1
      }
      result.append(instructions)
    }
    return (result, count)
  }
}
