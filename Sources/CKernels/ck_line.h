/* Lines of 16 floats: what the loops of the tile interpreter work on, split by the compiler into the
   registers that a processor has. */
#ifndef CK_LINE_H
#define CK_LINE_H

#include <stddef.h>

/* Lines are passed to functions that are always inlined, so how they would be passed is no matter. */
#pragma clang diagnostic ignored "-Wpsabi"
#define CK_INLINE_LINE static inline __attribute__((always_inline, unused))

enum { CK_LINE_FLOATS = 16 };
typedef float ck_line __attribute__((vector_size(64), aligned(4)));
typedef float ck_half_line __attribute__((vector_size(32), aligned(4)));
typedef double ck_wide_line __attribute__((vector_size(64), aligned(8)));

CK_INLINE_LINE ck_line ck_load_line(const float *p) { return *(const ck_line *)p; }
CK_INLINE_LINE void ck_store_line(float *p, ck_line v) { *(ck_line *)p = v; }
/* Less 0, which is the number itself; plus 0 would have to make 0 of -0. */
CK_INLINE_LINE ck_line ck_fill_line(float x) { return x - (ck_line){}; }

/* Writes past the cache; p is a multiple of 64 bytes. */
CK_INLINE_LINE void ck_stream_line(float *p, ck_line v) {
  typedef float aligned_line __attribute__((vector_size(64), aligned(64)));
  __builtin_nontemporal_store((aligned_line)v, (aligned_line *)p);
}

CK_INLINE_LINE ck_wide_line ck_low_half(ck_line v) {
  ck_half_line h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_convertvector(h, ck_wide_line);
}
CK_INLINE_LINE ck_wide_line ck_high_half(ck_line v) {
  ck_half_line h = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  return __builtin_convertvector(h, ck_wide_line);
}
/* The last `count` numbers of a line; 0 for the others. */
CK_INLINE_LINE ck_line ck_keep_last(ck_line v, ptrdiff_t count) {
  typedef int numbers __attribute__((vector_size(64)));
  const numbers places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return (ck_line)((numbers)v & (places >= CK_LINE_FLOATS - (int)count));
}
CK_INLINE_LINE double ck_total(ck_wide_line v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/* The start of an operand's row r, and a line of the number that it repeats where it does not vary along
   the row; then its values at i, for an operand that varies or does not. */
#define CK_ROW(o) const float *o##_row = o.data + r * o.row_stride;
#define CK_ALL(o) const ck_line o##_all = ck_fill_line(o##_row[0]);
#define CK_LINE_AT(o, varies) ((varies) ? ck_load_line(o##_row + i) : o##_all)
#define CK_ONE_AT(o, varies) ((varies) ? o##_row[i] : o##_row[0])

/* Calls f(..., start, count) for some lines side by side, so that what a row has one of serves all: four
   where there are registers for them, else two, then one. */
enum { CK_LINES = 4 };
#define CK_LINES_AT_ONCE (CK_IS_WIDE ? CK_LINES : 2)
#define CK_EACH_LINES(whole, f, ...) \
  { \
    ptrdiff_t i = 0; \
    if (CK_IS_WIDE) { \
      for (; i + CK_LINES * CK_LINE_FLOATS <= whole; i += CK_LINES * CK_LINE_FLOATS) \
        f(__VA_ARGS__, i, CK_LINES); \
    } \
    for (; i + 2 * CK_LINE_FLOATS <= whole; i += 2 * CK_LINE_FLOATS) f(__VA_ARGS__, i, 2); \
    for (; i < whole; i += CK_LINE_FLOATS) f(__VA_ARGS__, i, 1); \
  }

/* A full operand, small ones at the same place, and what they make. */
#define CK_CENTER(a, b, c, d) ((((a) - (b)) - (c)) * (d))

#endif
