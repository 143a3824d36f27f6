import CKernels

/// What every native text starts with: vector types, loads and stores, and the operations of the C
/// table as functions over vectors of float (`nk_NAME`) and numbers in double (`nd_NAME`).
struct NativePrelude {
  /// Floats of a vector: 16 or 8.
  let lanes: Int

  var text: String {
    "#define W \(lanes)\n" + Self.types + Self.vectorMath
      + Self.operations(prefix: "nk_", type: "vf") + Self.choiceFunctions + Self.scalarMacros
      + Self.operations(prefix: "nd_", type: "double") + Self.call
  }

  /// One function an operation, from the formulas of the C table.
  static func operations(prefix: String, type: String) -> String {
    (0..<Int32(CK_OP_COUNT)).map { i in
      guard let name = ck_operation_name(i), let formula = ck_operation_formula(i) else {
        return ""
      }
      let operands = ["a", "b", "c"].prefix(Int(ck_operation_arity(i)))
        .map { "\(type) \($0)" }.joined(separator: ", ")
      return "IN \(type) \(prefix)\(String(cString: name))(\(operands)) {"
        + " return \(String(cString: formula)); }\n"
    }.joined()
  }

  /// The comparisons of the C table by name, each as a choice between c and d where it is 1 or 0.
  static let choices: [String: String] = {
    let oneOrZero = "CK_N(1), CK_N(0))"
    return (0..<Int32(CK_OP_COUNT)).reduce(into: [:]) { choices, i in
      guard let name = ck_operation_name(i), let text = ck_operation_formula(i) else { return }
      let formula = String(cString: text)
      guard formula.hasSuffix(oneOrZero) else { return }
      choices[String(cString: name)] = formula.dropLast(oneOrZero.count) + "c, d)"
    }
  }()

  /// Those as functions `nk_select_NAME`: without the number between a comparison and a choice by it.
  private static var choiceFunctions: String {
    choices.sorted { $0.key < $1.key }.map { name, formula in
      "IN vf nk_select_\(name)(vf a, vf b, vf c, vf d) { return \(formula); }\n"
    }.joined()
  }

  private static let types = """
    typedef long long i64;
    typedef float vf __attribute__((vector_size(4 * W)));
    typedef float vh __attribute__((vector_size(2 * W)));
    typedef int vi __attribute__((vector_size(4 * W)));
    typedef double vd __attribute__((vector_size(4 * W)));
    typedef union { vf v; vh h[2]; float s[W]; } uf;
    typedef union { vi v; int s[W]; } ui;
    typedef union { vd v; double s[W / 2]; } ud;
    #define IN static inline __attribute__((always_inline, unused))
    // Before registers are assigned, gcc puts the instructions of several vectors in turn: by itself it
    // does so on other processors only, and clang after its own measure.
    #if defined(__GNUC__) && !defined(__clang__)
    #define SCHEDULED __attribute__((optimize("schedule-insns", "sched-pressure")))
    #else
    #define SCHEDULED
    #endif
    // Before a loop none of whose indices reads what another writes.
    #ifdef __clang__
    #define APART _Pragma("clang loop vectorize(assume_safety)")
    #else
    #define APART _Pragma("GCC ivdep")
    #endif
    #define copy __builtin_memcpy
    typedef float quad __attribute__((vector_size(16)));
    IN vi lanes(void) { ui u; for (int i = 0; i < W; i++) u.s[i] = i; return u.v; }
    extern double sqrt(double), exp(double), log(double), tanh(double), erf(double),
      pow(double, double);
    IN vf ld(const float *p) { vf v; copy(&v, p, sizeof v); return v; }
    // A part of a vector: put together in memory, it would have to be there before it can be read. The first
    // n floats of an array as the first of a vector, or its first ones behind n others.
    #if defined(__AVX512F__) && W == 16
    IN vf ldn(const float *p, int n) {
      return (vf)__builtin_ia32_loadups512_mask(p, (vf){}, (unsigned short)((1u << n) - 1));
    }
    IN vf ldbehind(const float *p, int n) {
      return (vf)__builtin_ia32_loadups512_mask(p - n, (vf){}, (unsigned short)(~0u << n));
    }
    #elif defined(__AVX__) && W == 8
    IN vf ldn(const float *p, int n) {
      return (vf)__builtin_ia32_maskloadps256((const vf *)p, lanes() < (vi){} + n);
    }
    IN vf ldbehind(const float *p, int n) {
      return (vf)__builtin_ia32_maskloadps256((const vf *)(p - n), lanes() >= (vi){} + n);
    }
    #else
    IN vf ldn(const float *p, int n) { vf v = {}; copy(&v, p, 4 * n); return v; }
    IN vf ldbehind(const float *p, int n) {
      uf u = {}; copy(u.s + n, p, 4 * (W - n)); return u.v;
    }
    #endif
    IN void st(float *p, vf v) { copy(p, &v, sizeof v); }
    IN void stn(float *p, vf v, int n) { copy(p, &v, 4 * n); }
    IN vf bc(float x) { return (vf){} + x; }
    IN vi bi(int x) { return (vi){} + x; }
    // gcc 12 makes three instructions of what is one.
    #if defined(__AVX512F__) && W == 16 && !defined(__clang__)
    IN vd twice(vh h) { return __builtin_ia32_cvtps2pd512_mask(h, (vd){}, (signed char)-1, 4); }
    #elif defined(__AVX__) && W == 8 && !defined(__clang__)
    IN vd twice(vh h) { return __builtin_ia32_cvtps2pd256(h); }
    #else
    IN vd twice(vh h) { return __builtin_convertvector(h, vd); }
    #endif
    IN vd lo(vf v) { uf u = {v}; return twice(u.h[0]); }
    IN vd hi(vf v) { uf u = {v}; return twice(u.h[1]); }
    IN vd ldw(const float *p) { vh h; copy(&h, p, sizeof h); return twice(h); }
    IN vd ldd(const double *p) { vd v; copy(&v, p, sizeof v); return v; }
    IN void std(double *p, vd v) { copy(p, &v, sizeof v); }
    // Two halves as one vector: not put together in memory either.
    #if !defined(__clang__) && __GNUC__ < 12
    IN vf both(vh a, vh b) { uf u; u.h[0] = a; u.h[1] = b; return u.v; }
    #elif W == 16
    IN vf both(vh a, vh b) {
      return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    }
    #else
    IN vf both(vh a, vh b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7); }
    #endif
    #if W == 16 && !defined(__clang__) && __GNUC__ < 12
    IN vh pair(quad a, quad b) { union { quad q[2]; vh v; } u = {{a, b}}; return u.v; }
    #elif W == 16
    IN vh pair(quad a, quad b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7); }
    #endif
    IN vf narrow(const double *p) {
      return both(
        __builtin_convertvector(ldd(p), vh), __builtin_convertvector(ldd(p + W / 2), vh));
    }
    IN vf narrown(const double *p, int n) {
      uf u = {{}}; for (int i = 0; i < n; i++) u.s[i] = (float)p[i]; return u.v;
    }
    IN vf nk_if(vi k, vf a, vf b) { return (vf)((k & (vi)a) | (~k & (vi)b)); }
    IN vf iota(i64 base, i64 step) {
      return __builtin_convertvector(lanes() * (int)step + (int)base, vf);
    }
    IN vf keep(vf v, int n) { return (vf)((vi)v & (lanes() < bi(n))); }
    typedef double v4 __attribute__((vector_size(32)));
    typedef double v2 __attribute__((vector_size(16)));
    IN double hs(vd v) {
    #if W == 16
      union { vd v; v4 h[2]; } a = {v};
      union { v4 v; v2 h[2]; } b = {a.h[0] + a.h[1]};
    #else
      union { v4 v; v2 h[2]; } b = {v};
    #endif
      v2 s = b.h[0] + b.h[1];
      return s[0] + s[1];
    }
    typedef int quad_mask __attribute__((vector_size(16)));
    IN quad pick(quad_mask k, quad a, quad b) { return (quad)((k & (quad_mask)a) | (~k & (quad_mask)b)); }
    // Half way between the middle two of the first four values, so that one outlier is no harm; of three
    // the middle one, of two the one nearer to 0.
    IN float middle(vf v, int n) {
      const float a = v[0], b = v[1], c = v[2], d = v[3];
      const float l = a < b ? a : b, m = a < b ? b : a, o = m < c ? m : c;
      if (n == 1) return a;
      if (n == 2) return (a < 0 ? -a : a) < (b < 0 ? -b : b) ? a : b;
      if (n == 3) return l < o ? o : l;
      // Without branches, which nothing foretells: of both pairs the lower and the higher; of the lower two
      // the higher, of the higher two the lower.
      const quad x = {a, c, a, c}, y = {b, d, b, d};
      const quad low = pick(x < y, x, y), high = pick(x < y, y, x);
      const quad s = {low[0], high[0], low[0], high[0]}, u = {low[1], high[1], low[1], high[1]};
      const quad r = pick((s < u) ^ (quad_mask){0, -1, 0, -1}, u, s);
      return r[0] * 0.5f + r[1] * 0.5f;
    }
    #if defined(__clang__)
    #define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
    #else
    #define MIX(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
    #endif
    // Of each four floats a b c d of one vector and A B C D of another: a A b B, c C d D, a b A B and
    // c d C D; of each four fours likewise the first two or the last two, in turn.
    #if W == 16
    IN vf low1(vf a, vf b) { return MIX(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29); }
    IN vf high1(vf a, vf b) { return MIX(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31); }
    IN vf low2(vf a, vf b) { return MIX(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29); }
    IN vf high2(vf a, vf b) { return MIX(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31); }
    IN vf low4(vf a, vf b) { return MIX(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23); }
    IN vf high4(vf a, vf b) {
      return MIX(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    }
    #else
    IN vf low1(vf a, vf b) { return MIX(a, b, 0, 8, 1, 9, 4, 12, 5, 13); }
    IN vf high1(vf a, vf b) { return MIX(a, b, 2, 10, 3, 11, 6, 14, 7, 15); }
    IN vf low2(vf a, vf b) { return MIX(a, b, 0, 1, 8, 9, 4, 5, 12, 13); }
    IN vf high2(vf a, vf b) { return MIX(a, b, 2, 3, 10, 11, 6, 7, 14, 15); }
    #endif
    // The sums of each of W vectors, of which the last addition is in double.
    IN void sums(double *z, const vf *g) {
      vf a[W / 2], b[W / 4];
      for (int i = 0; i < W / 2; i++)
        a[i] = low1(g[2 * i], g[2 * i + 1]) + high1(g[2 * i], g[2 * i + 1]);
      for (int i = 0; i < W / 4; i++)
        b[i] = low2(a[2 * i], a[2 * i + 1]) + high2(a[2 * i], a[2 * i + 1]);
      for (int i = 0; i < 2; i++) {
    #if W == 16
        const vf c = low4(b[2 * i], b[2 * i + 1]) + high4(b[2 * i], b[2 * i + 1]);
    #else
        const vf c = b[i];
    #endif
        std(z + i * W / 2, lo(c) + hi(c));
      }
    }
    // The middle of the first four values of each of W rows, as above.
    IN void middles(double *z, const float *p, i64 pitch) {
      vf v[4];
      for (int k = 0; k < 4; k++) {
        quad q[W / 4];
        for (int l = 0; l < W / 4; l++) copy(&q[l], p + (4 * l + k) * pitch, sizeof *q);
    #if W == 16
        v[k] = both(pair(q[0], q[1]), pair(q[2], q[3]));
    #else
        v[k] = both(q[0], q[1]);
    #endif
      }
      const vf s = low1(v[0], v[1]), t = high1(v[0], v[1]);
      const vf u = low1(v[2], v[3]), w = high1(v[2], v[3]);
      const vf a = low2(s, u), b = high2(s, u), c = low2(t, w), d = high2(t, w);
      const vf l = nk_if(a < b, a, b), m = nk_if(a < b, b, a);
      const vf n = nk_if(c < d, c, d), o = nk_if(c < d, d, c);
      const vf x = nk_if(l < n, n, l) * 0.5f + nk_if(m < o, m, o) * 0.5f;
      std(z, lo(x)); std(z + W / 2, hi(x));
    }
    // Vectors longer than registers would be mixed piece by piece.
    #if defined(__AVX__)
    #define MANY 1
    #else
    #define MANY 0
    #endif
    // The values nearer to 0.
    IN vf nearer(vf a, vf b) { return nk_if(nk_if(a < 0, -a, a) < nk_if(b < 0, -b, b), a, b); }
    // Takes values into the range from low to high; what lies within is returned, be it them or the end
    // that they took the place of.
    IN vf pushed_inside(vf v, vf *low, vf *high) {
      const vf h = nk_if(v > *high, v, *high), l = nk_if(v < *low, v, *low);
      v = nk_if(v > *high, *high, nk_if(v < *low, *low, v));
      *high = h; *low = l; return v;
    }
    #if defined(__clang__)
    IN void stream(float *p, vf v) { __builtin_nontemporal_store(v, (vf *)p); }
    #elif defined(__AVX512F__) && W == 16
    IN void stream(float *p, vf v) { __builtin_ia32_movntps512(p, v); }
    #elif defined(__AVX__) && W == 8
    IN void stream(float *p, vf v) { __builtin_ia32_movntps256(p, v); }
    #elif defined(__AVX__)
    IN void stream(float *p, vf v) {
      uf u = {v};
      __builtin_ia32_movntps256(p, u.h[0]); __builtin_ia32_movntps256(p + 8, u.h[1]);
    }
    #else
    IN void stream(float *p, vf v) { st(p, v); }
    #endif
    IN void widen(double *p, vd a, vd b) {
      std(p, ldd(p) + a); std(p + W / 2, ldd(p + W / 2) + b);
    }
    IN void widenn(double *p, vd a, vd b, int n) {
      ud u = {a}, w = {b};
      for (int i = 0; i < n; i++) p[i] += i < W / 2 ? u.s[i % (W / 2)] : w.s[i % (W / 2)];
    }
    IN void extremes(double *p, i64 stride, vf m, int n, int largest) {
      uf u = {m};
      for (int i = 0; i < n; i++) {
        double v = u.s[i], *t = p + i * stride;
        if (*t == *t && (v != v || (largest ? v > *t : v < *t))) *t = v;
      }
    }
    // Whether any value is not finite; any square is below what float can hold well, though not 0.
    typedef i64 vl __attribute__((vector_size(4 * W)));
    IN int any(vl v) { i64 bad = 0; for (int i = 0; i < W / 2; i++) bad |= v[i]; return bad != 0; }
    IN int infinite(const double *s, i64 n) {
      vl bad = {}; i64 rest = 0, i = 0;
      for (; i + W / 2 <= n; i += W / 2) { const vd v = ldd(s + i); bad |= (vl)(v - v); }
      for (; i < n; i++) rest |= !(s[i] - s[i] == 0);
      return any(bad) | (rest != 0);
    }
    IN int vanishing(const double *q, i64 n) {
      vl bad = {}; i64 rest = 0, i = 0;
      for (; i + W / 2 <= n; i += W / 2) {
        const vd v = ldd(q + i); bad |= (v < 1e-30) & (v != 0);
      }
      for (; i < n; i++) rest |= (q[i] < 1e-30) & (q[i] != 0);
      return any(bad) | (rest != 0);
    }
    IN int vanishing2(const double *q, const double *s, i64 n) {
      vl bad = {}; i64 rest = 0, i = 0;
      for (; i + W / 2 <= n; i += W / 2) {
        const vd v = ldd(q + i); bad |= (v < 1e-30) & ((v != 0) | (ldd(s + i) != 0));
      }
      for (; i < n; i++) rest |= (q[i] < 1e-30) & ((q[i] != 0) | (s[i] != 0));
      return any(bad) | (rest != 0);
    }
    IN void fill(double *p, double v, i64 n) { for (i64 i = 0; i < n; i++) p[i] = v; }
    // What a part adds to the sum of squares about the mean of all, of its shifted sums.
    IN double about_mean(double n, double shift, double s1, double s2, double mean) {
      const double own = n > 0 ? s1 / n : 0, d = s2 - s1 * own, e = shift + own - mean;
      return (d < 0 ? 0 : d) + n * (e * e);
    }

    """

  /// The functions of `ck_function_text` over vectors, and the formulas' names for them.
  private static var vectorMath: String {
    registers + (ck_function_text().map { String(cString: $0) } ?? "") + vectorMacros
  }

  /// The functions work on registers of the processor, M floats each: long expressions over larger
  /// vectors come out of gcc in pieces that go through memory.
  private static let registers = """
    #if defined(__AVX512F__)
    #define M W
    #elif defined(__AVX__)
    #define M 8
    #else
    #define M 4
    #endif
    typedef float ck_float __attribute__((vector_size(4 * M)));
    typedef int ck_int __attribute__((vector_size(4 * M)));
    typedef unsigned ck_uint __attribute__((vector_size(4 * M)));
    typedef float ck_half __attribute__((vector_size(2 * M)));
    typedef double ck_double __attribute__((vector_size(4 * M)));
    typedef i64 ck_long __attribute__((vector_size(4 * M)));
    typedef unsigned long long ck_ulong __attribute__((vector_size(4 * M)));
    typedef union { ck_float v; ck_half h[2]; } ck_halves;
    typedef union { vf v; ck_float r[W / M]; } ck_registers;
    #define CK_INLINE IN
    #define ck_f(x) ((ck_float){} + (x))
    #define ck_d(x) ((ck_double){} + (x))
    #define ck_infinity __builtin_inff()
    #define ck_nan __builtin_nanf("")
    #define ck_float_bits(x) ((ck_uint)(x))
    #define ck_bits_float(x) ((ck_float)(x))
    #define ck_double_bits(x) ((ck_ulong)(x))
    #define ck_bits_double(x) ((ck_double)(x))
    IN ck_float ck_if(ck_int k, ck_float a, ck_float b) {
      return (ck_float)((k & (ck_int)a) | (~k & (ck_int)b));
    }
    IN ck_double ck_if_double(ck_long k, ck_double a, ck_double b) {
      return (ck_double)((k & (ck_long)a) | (~k & (ck_long)b));
    }
    #if defined(__AVX512F__) && M == 16 && defined(__clang__)
    #define ck_min(a, b) __builtin_ia32_minps512(a, b, 4)
    #define ck_max(a, b) __builtin_ia32_maxps512(a, b, 4)
    #elif defined(__AVX512F__) && M == 16
    #define ck_min(a, b) __builtin_ia32_minps512_mask(a, b, (ck_float){}, -1, 4)
    #define ck_max(a, b) __builtin_ia32_maxps512_mask(a, b, (ck_float){}, -1, 4)
    #elif defined(__AVX__) && M == 8
    #define ck_min(a, b) __builtin_ia32_minps256(a, b)
    #define ck_max(a, b) __builtin_ia32_maxps256(a, b)
    #else
    #define ck_min(a, b) ck_if((a) < (b), a, b)
    #define ck_max(a, b) ck_if((a) > (b), a, b)
    #endif
    IN ck_double ck_wide(ck_float x, int half) {
      ck_halves u = {x};
    #if M == W
      return twice(u.h[half]);
    #else
      return __builtin_convertvector(u.h[half], ck_double);
    #endif
    }
    IN ck_float ck_narrow(ck_double a, ck_double b) {
      ck_halves u = {{}};
      u.h[0] = __builtin_convertvector(a, ck_half); u.h[1] = __builtin_convertvector(b, ck_half);
      return u.v;
    }
    #define ck_in_double(f, a, b) \\
      ck_narrow(f(ck_wide(a, 0), ck_wide(b, 0)), f(ck_wide(a, 1), ck_wide(b, 1)))

    """

  private static let vectorMacros = """
    #define EACH(name) IN vf v##name(vf a) { \\
      ck_registers u = {a}; \\
      for (int i = 0; i < W / M; i++) u.r[i] = ck_##name(u.r[i]); \\
      return u.v; }
    EACH(exp) EACH(log) EACH(tanh) EACH(sigmoid) EACH(erf)
    #define EACH_PAIR(name) IN vf v##name(vf a, vf b) { \\
      ck_registers u = {a}, w = {b}; \\
      for (int i = 0; i < W / M; i++) u.r[i] = ck_##name(u.r[i], w.r[i]); \\
      return u.v; }
    EACH_PAIR(pow) EACH_PAIR(min) EACH_PAIR(max)
    IN vf vsqrt(vf a) {
      uf u = {a}; for (int i = 0; i < W; i++) u.s[i] = __builtin_sqrtf(u.s[i]); return u.v;
    }
    #define CK_IF(k, a, b) nk_if(k, a, b)
    #define CK_N(x) bc(x)
    #define CK_MIN(a, b) vmin(a, b)
    #define CK_MAX(a, b) vmax(a, b)
    #define CK_SQRT(a) vsqrt(a)
    #define CK_EXP(a) vexp(a)
    #define CK_LOG(a) vlog(a)
    #define CK_TANH(a) vtanh(a)
    #define CK_SIGMOID(a) vsigmoid(a)
    #define CK_ERF(a) verf(a)
    #define CK_POW(a, b) vpow(a, b)
    // a^b where all of b are equal: quarters are roots, and right for zeros and minus infinity too.
    IN vf nk_pow_one(vf a, vf b) {
      uf u = {b};
      const float quarters = u.s[0] * 4;
      if (!(quarters > -4 && quarters < 8) || quarters != (float)(int)quarters) return vpow(a, b);
      const int n = (int)__builtin_fabsf(quarters);
      vf z = bc(1);
      if (n & 3) {
        a = nk_if(a == bc(0), bc(0), nk_if(a == bc(-__builtin_inff()), bc(__builtin_inff()), a));
        const vf root = vsqrt(a);
        if (n & 1) z = vsqrt(root);
        if (n & 2) z = z * root;
      }
      if (n & 4) z = z * a;
      return quarters < 0 ? 1 / z : z;
    }

    """

  static let scalarMacros = """
    #undef CK_IF
    #undef CK_N
    #undef CK_MIN
    #undef CK_MAX
    #undef CK_SQRT
    #undef CK_EXP
    #undef CK_LOG
    #undef CK_TANH
    #undef CK_SIGMOID
    #undef CK_ERF
    #undef CK_POW
    #define CK_IF(k, a, b) ((k) ? (a) : (b))
    #define CK_N(x) ((double)(x))
    #define CK_MIN(a, b) ((a) < (b) ? (a) : (b))
    #define CK_MAX(a, b) ((a) > (b) ? (a) : (b))
    #define CK_SQRT(a) sqrt(a)
    #define CK_EXP(a) exp(a)
    #define CK_LOG(a) log(a)
    #define CK_TANH(a) tanh(a)
    #define CK_SIGMOID(a) (1 / (1 + exp(-(a))))
    #define CK_ERF(a) erf(a)
    #define CK_POW(a, b) pow(a, b)

    """

  /// The C twin of `ck_native_call`.
  private static let call = """
    typedef struct {
      float *const *tensors;
      const float *const *parameters;
      double *shared_doubles;
      float *shared_floats;
      char *workers, *units;
      double *saved;
      const i64 *saved_offsets;
      i64 rows, slices, unit_count, tile_rows, worker_bytes, unit_bytes, streams;
    } call;

    """
}
