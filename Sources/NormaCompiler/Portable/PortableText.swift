/// What stands before the functions of `PortableProgram`.
package enum PortableText {
  /// A number as C, those that are not finite too.
  package static func number(_ value: Double) -> String {
    if value.isNaN { return "__builtin_nan(\"\")" }
    if value.isInfinite { return value < 0 ? "-__builtin_inf()" : "__builtin_inf()" }
    return value.sign == .minus ? "(\(value))" : "\(value)"
  }

  /// Types, and the element-wise operations over double.
  package static var prelude: String {
    types + NativePrelude.scalarMacros + NativePrelude.operations(prefix: "nd_", type: "double")
      + "\n"
  }

  /// What stands before the functions of `NativeSpecial`s.
  ///
  /// - Parameter lanes: floats of a vector, 16 or 8.
  package static func nativePrelude(lanes: Int) -> String {
    NativePrelude(lanes: lanes).text + NativeRunText.types + NativeRunText.helpers
  }

  /// The types of `NativeSpecial`s, for those who call them.
  package static var nativeTypes: String { NativeRunText.types }

  private static let types = """
    #include <math.h>
    #include <stddef.h>
    #include <stdint.h>

    typedef int64_t i64;
    #define IN static inline __attribute__((always_inline, unused))

    /* Sums over units of work are made in at most so many pieces, of at least so many elements, whatever
       the number of threads. */
    #define PIECES 32
    #define PIECE 8192

    /* Where the elements of an input lie: the stride of the batch, and the offset of each position and
       each channel. */
    typedef struct {
      i64 batch;
      const i64 *space, *channel;
    } place;

    typedef void (*piece_body)(void *job, i64 begin, i64 end, uint32_t thread);

    /* A call. Channels are groups of members, the batch is chunks of samples. */
    typedef struct job job;
    struct job {
      i64 chunk, sample, space, group, member;
      int first;      /* positions are the innermost loop, else channels are */
      int fast;       /* the innermost elements of all tensors are neighbours, and all results are wanted */
      int keeps_buffers; /* running values stay as they are */
      int accumulate; /* gradients of parameters are added to what is there */
      const place *places;
      const float *const *inputs;
      const float *const *parameters;
      float *const *buffers;
      const double *hyper;
      float *output;
      const float *output_gradient;
      float *const *input_gradients;
      float *const *parameter_gradients;
      double *saved;
      double *work;
      void (*parallel)(job *, i64 pieces, piece_body);
      const void *owner;
      uint32_t threads;
    };

    IN float bounded(double v) {
      const double most = 0x1.fffffep127;
      return (float)(v > most ? most : v < -most ? -most : v);
    }

    """
}
