/* Superinstructions that write tiles: what norms do with their input and gradient, in one loop. */
#include "ck_line.h"
#include "ck_target.h"
#include "ck_tiles.h"

#define ROW(o) CK_ROW(o) CK_ALL(o)

/* Whole pairs of lines from i on. */
#define WRITE_PAIRS(FORMULA) \
  for (; i + 2 * CK_LINE_FLOATS <= n; i += 2 * CK_LINE_FLOATS) { \
    ck_line first = FORMULA(CK_LINE_AT); \
    i += CK_LINE_FLOATS; \
    ck_line second = FORMULA(CK_LINE_AT); \
    i -= CK_LINE_FLOATS; \
    ck_store_line(zr + i, first); \
    ck_store_line(zr + i + CK_LINE_FLOATS, second); \
  }
/* Rows written past the cache start where a line does; what is read next may be asked for meanwhile. The
   last line overlaps the one before where rows do not end with a line: it is made before anything is
   written, as that may be what is read. With `pairs`, there are only whole pairs of lines. */
#define WRITE(FORMULA, AHEAD) \
  if (pairs) { \
    ptrdiff_t i = 0; \
    WRITE_PAIRS(FORMULA) \
    continue; /* the next row */ \
  } \
  const int ends_within = n > CK_LINE_FLOATS && n % CK_LINE_FLOATS != 0; \
  ptrdiff_t i = n - CK_LINE_FLOATS; \
  ck_line last = {0}; \
  if (ends_within) last = FORMULA(CK_LINE_AT); \
  i = 0; \
  if (out.stream && (uintptr_t)zr % 64 == 0) { \
    for (; i + CK_LINE_FLOATS <= n; i += CK_LINE_FLOATS) { \
      AHEAD \
      ck_stream_line(zr + i, FORMULA(CK_LINE_AT)); \
    } \
  } else { \
    WRITE_PAIRS(FORMULA) \
    for (; i + CK_LINE_FLOATS <= n; i += CK_LINE_FLOATS) ck_store_line(zr + i, FORMULA(CK_LINE_AT)); \
  } \
  if (ends_within) ck_store_line(zr + n - CK_LINE_FLOATS, last); \
  else \
    for (; i < n; i++) zr[i] = FORMULA(CK_ONE_AT);

#define NORMALIZED(AT) \
  (CK_CENTER(AT(a, 1), AT(b, stats), AT(c, stats), AT(d, stats)) * AT(f, factors) + AT(h, factors))

CK_INLINE_LINE void normalize(ck_output out, const ck_fused *s, ptrdiff_t rows, ptrdiff_t n,
                              const int stats, const int factors, const int pairs) {
#pragma clang fp contract(fast)
  const ck_operand a = s->a, b = s->b, c = s->c, d = s->d, f = s->f, h = s->h;
  for (ptrdiff_t r = 0; r < rows; r++) {
    float *zr = out.data + r * out.row_stride;
    ROW(a) ROW(b) ROW(c) ROW(d) ROW(f) ROW(h)
    (void)a_all;
    WRITE(NORMALIZED, __builtin_prefetch(a_row + i + out.ahead, 0, 2);)
  }
}

#define GRADIENT(AT) \
  (CK_CENTER(AT(a, 1), AT(b, stats), AT(c, stats), AT(d, stats)) + \
   (AT(e, 1) * AT(f, factors) * AT(g, stats) + AT(h, stats)))

CK_INLINE_LINE void gradient(ck_output out, const ck_fused *s, ptrdiff_t rows, ptrdiff_t n,
                             const int stats, const int factors, const int pairs) {
#pragma clang fp contract(fast)
  const ck_operand a = s->a, b = s->b, c = s->c, d = s->d, e = s->e, f = s->f, g = s->g, h = s->h;
  const int asks = !CK_IS_WIDE;
  for (ptrdiff_t r = 0; r < rows; r++) {
    float *zr = out.data + r * out.row_stride;
    ROW(a) ROW(b) ROW(c) ROW(d) ROW(e) ROW(f) ROW(g) ROW(h)
    (void)a_all;
    (void)e_all;
    /* Wide processors read two tensors in time: asking for them was measured to cost a tenth. */
    WRITE(GRADIENT, if (asks) {
      __builtin_prefetch(a_row + i + out.ahead, 0, 2);
      __builtin_prefetch(e_row + i + out.ahead, 0, 2);
    })
  }
}

/* Where all rows share what varies along them, that stays in registers while a few lines of columns pass
   by. */
#define LOAD(o) \
  ck_line o[CK_LINES]; \
  for (int j = 0; j < lines; j++) o[j] = ck_load_line(s->o.data + start + j * CK_LINE_FLOATS);
#define EACH_LINE(ROWS, VALUE) \
  const int streams = out.stream && ((uintptr_t)out.data | (uintptr_t)out.row_stride * 4) % 64 == 0; \
  for (ptrdiff_t r = 0; r < rows; r++) { \
    ROWS \
    float *zr = out.data + r * out.row_stride; \
    ck_line z[CK_LINES]; \
    for (int j = 0; j < lines; j++) { \
      const ptrdiff_t i = start + j * CK_LINE_FLOATS; \
      z[j] = VALUE; \
    } \
    for (int j = 0; j < lines; j++) { \
      if (streams) ck_stream_line(zr + start + j * CK_LINE_FLOATS, z[j]); \
      else ck_store_line(zr + start + j * CK_LINE_FLOATS, z[j]); \
    } \
  }

CK_INLINE_LINE void normalize_lines(ck_output out, const ck_fused *s, ptrdiff_t rows, ptrdiff_t start,
                                    const int lines) {
#pragma clang fp contract(fast)
  const ck_operand a = s->a;
  LOAD(b) LOAD(c) LOAD(d) LOAD(f) LOAD(h)
  EACH_LINE(CK_ROW(a), CK_CENTER(ck_load_line(a_row + i), b[j], c[j], d[j]) * f[j] + h[j])
}

CK_INLINE_LINE void gradient_lines(ck_output out, const ck_fused *s, ptrdiff_t rows, ptrdiff_t start,
                                   const int lines) {
#pragma clang fp contract(fast)
  const ck_operand a = s->a, e = s->e;
  LOAD(b) LOAD(c) LOAD(d) LOAD(f) LOAD(g) LOAD(h)
  EACH_LINE(CK_ROW(a) CK_ROW(e), CK_CENTER(ck_load_line(a_row + i), b[j], c[j], d[j]) +
                                     (ck_load_line(e_row + i) * f[j] * g[j] + h[j]))
}

/* What goes past the cache is written from start to end of rows: they must be lines that pass by at once. */
static int are_shared(ck_output z, ptrdiff_t n, const ck_operand *varying, int count) {
  const ptrdiff_t lines = n / CK_LINE_FLOATS;
  const int at_once = CK_IS_WIDE && (lines <= 2 || lines == CK_LINES);
  int shared = (!z.stream || at_once) && n % CK_LINE_FLOATS == 0;
  for (int k = 0; k < count; k++) shared &= varying[k].inner_stride == 1 && varying[k].row_stride == 0;
  return shared;
}
#define SHARED_BY_NORMALIZE are_shared(z, n, (ck_operand[]){s->b, s->c, s->d, s->f, s->h}, 5)
#define SHARED_BY_GRADIENT are_shared(z, n, (ck_operand[]){s->b, s->c, s->d, s->f, s->g, s->h}, 6)

/* The usual rows, of an even number of lines and not written past the cache, have a loop of their own:
   what the other kinds need besides would not fit the registers. */
#define BY_KIND(name, z, s, rows, n, stats, factors) \
  do { \
    if (!z.stream && n % (2 * CK_LINE_FLOATS) == 0) name(z, s, rows, n, stats, factors, 1); \
    else name(z, s, rows, n, stats, factors, 0); \
  } while (0)
#define VARIANTS(name, SHARED) \
  CK_CLONES static void name##_row_row(ck_output z, const ck_fused *s, ptrdiff_t rows, ptrdiff_t n) { \
    BY_KIND(name, z, s, rows, n, 0, 0); \
  } \
  CK_CLONES static void name##_row_column(ck_output z, const ck_fused *s, ptrdiff_t rows, \
                                          ptrdiff_t n) { \
    BY_KIND(name, z, s, rows, n, 0, 1); \
  } \
  CK_CLONES static void name##_column_column(ck_output z, const ck_fused *s, ptrdiff_t rows, \
                                             ptrdiff_t n) { \
    BY_KIND(name, z, s, rows, n, 1, 1); \
  } \
  CK_CLONES static void name##_shared(ck_output z, const ck_fused *s, ptrdiff_t rows, ptrdiff_t n) { \
    CK_EACH_LINES(n, name##_lines, z, s, rows) \
  } \
  void ck_##name(ck_output z, const ck_fused *s, ptrdiff_t rows, ptrdiff_t n) { \
    if (s->stats_vary && SHARED) name##_shared(z, s, rows, n); \
    else if (s->stats_vary) name##_column_column(z, s, rows, n); \
    else if (s->factors_vary) name##_row_column(z, s, rows, n); \
    else name##_row_row(z, s, rows, n); \
  }
VARIANTS(normalize, SHARED_BY_NORMALIZE)
VARIANTS(gradient, SHARED_BY_GRADIENT)

void ck_finish_stores(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
