import NormaCore

/// A planned network bound to memory: operations in order.
final class Program {
  /// An operation and where its output lies.
  struct Step {
    let layer: LayerName
    let operation: any Operation
    let output: UnsafeMutablePointer<Float>
    let count: Int
  }

  let batch: Int
  let steps: [Step]
  let input: UnsafeMutablePointer<Float>
  let inputGradient: UnsafeMutablePointer<Float>?
  let output: UnsafeMutablePointer<Float>
  let outputGradient: UnsafeMutablePointer<Float>?

  init(_ plan: Plan, input: Value, output: Value, memory: Memory) throws(NormaError) {
    batch = plan.batch
    var steps: [Step] = []
    for node in plan.nodes {
      do throws(NormaError) {
        steps.append(
          Step(
            layer: node.layer, operation: try node.make(memory),
            output: memory.floats(node.output.data), count: plan.batch * node.output.count))
      } catch {
        throw error.located(in: node.layer)
      }
    }
    self.steps = steps
    self.input = memory.floats(input.data)
    inputGradient = memory.floats(input.gradient)
    self.output = memory.floats(output.data)
    outputGradient = memory.floats(output.gradient)
  }

  func forward(_ run: Run) throws(NormaError) {
    for step in steps {
      do throws(NormaError) {
        try step.operation.forward(run)
      } catch {
        throw error.located(in: step.layer)
      }
    }
  }

  func backward(_ run: Run) throws(NormaError) {
    for step in steps.reversed() {
      do throws(NormaError) {
        try step.operation.backward(run)
      } catch {
        throw error.located(in: step.layer)
      }
    }
  }
}
