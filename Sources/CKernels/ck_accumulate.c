/* Reductions of tiles into accumulators of double: statistics stay right where float32 loses them. */
#include "ck_target.h"
#include "ck_tiles.h"

/* The value of an operand; a stride of 0 repeats it. */
#define AT(o, row, i) ((double)(row)[(i) * (o).inner_stride])

/* Sums over the inner axis in one go; the compiler may reorder, the thread count cannot. */
#define CK_ROW_LOOP(BODY) \
  if (A.inner_stride == 1) { \
    for (ptrdiff_t i = 0; i < n; i++) { double v = (double)ar[i]; BODY } \
  } else { \
    double v = (double)ar[0]; \
    for (ptrdiff_t i = 0; i < n; i++) { BODY } \
  }

/* Columns in blocks that fit in registers, then one by one: the same code with another width, since
   an array indexed by a variable would live in memory. Each column's sum goes row by row. */
#define CK_EACH for (ptrdiff_t i = 0; i < CK_BLOCK; i++)
#define CK_ROWS \
  for (ptrdiff_t r = 0; r < rows; r++) { \
    const float *ar = A.data + r * A.row_stride + i0;
#define CK_END }
#define CK_BLOCKS(...) \
  ptrdiff_t i0 = 0; \
  { \
    enum { CK_BLOCK = 16 }; \
    for (; i0 + CK_BLOCK <= n; i0 += CK_BLOCK) { __VA_ARGS__ } \
  } \
  { \
    enum { CK_BLOCK = 1 }; \
    for (; i0 < n; i0 += CK_BLOCK) { __VA_ARGS__ } \
  }

CK_CLONES void ck_accumulate_sum(ck_accumulator acc, ck_operand A, ptrdiff_t rows, ptrdiff_t n) {
#pragma clang fp reassociate(on)
  if (acc.inner_stride == 0) {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      double s = 0;
      CK_ROW_LOOP(s += v;)
      acc.data[r * acc.row_stride] += s;
    }
  } else if (acc.row_stride == 0 && A.inner_stride == 1) {
    CK_BLOCKS(double s[CK_BLOCK]; CK_EACH s[i] = acc.data[i0 + i];
              CK_ROWS CK_EACH s[i] += (double)ar[i];
              CK_END CK_EACH acc.data[i0 + i] = s[i];)
  } else {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      double *z = acc.data + r * acc.row_stride;
      for (ptrdiff_t i = 0; i < n; i++) z[i] += AT(A, ar, i);
    }
  }
}

/* Products of two tiles, or of a tile and one number a row. */
CK_CLONES void ck_accumulate_dot(ck_accumulator acc, ck_operand A, ck_operand B, ptrdiff_t rows,
                                 ptrdiff_t n) {
#pragma clang fp reassociate(on) contract(fast)
  if (A.inner_stride == 0) {
    ck_operand swap = A;
    A = B;
    B = swap;
  }
  int vectors = A.inner_stride == 1 && B.inner_stride == 1;
  if (acc.inner_stride == 0) {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride, *br = B.data + r * B.row_stride;
      double s = 0;
      if (vectors) {
        for (ptrdiff_t i = 0; i < n; i++) s += (double)ar[i] * (double)br[i];
      } else {
        CK_ROW_LOOP(s += v;)
        s *= (double)br[0];
      }
      acc.data[r * acc.row_stride] += s;
    }
  } else if (acc.row_stride == 0 && vectors) {
    CK_BLOCKS(double s[CK_BLOCK]; CK_EACH s[i] = acc.data[i0 + i];
              CK_ROWS const float *br = B.data + r * B.row_stride + i0;
              CK_EACH s[i] += (double)ar[i] * (double)br[i];
              CK_END CK_EACH acc.data[i0 + i] = s[i];)
  } else if (acc.row_stride == 0 && A.inner_stride == 1) {
    CK_BLOCKS(double s[CK_BLOCK]; CK_EACH s[i] = acc.data[i0 + i];
              CK_ROWS double b = (double)B.data[r * B.row_stride];
              CK_EACH s[i] += (double)ar[i] * b;
              CK_END CK_EACH acc.data[i0 + i] = s[i];)
  } else {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride, *br = B.data + r * B.row_stride;
      double *z = acc.data + r * acc.row_stride;
      for (ptrdiff_t i = 0; i < n; i++) z[i] += AT(A, ar, i) * AT(B, br, i);
    }
  }
}

/* The first value an accumulator sees is its shift: sums of differences from any one value of the
   slice keep the variance right to about N units in double's last place, whatever the mean. */
CK_CLONES void ck_accumulate_moments(ck_accumulator acc, ck_operand A, ptrdiff_t rows, ptrdiff_t n) {
#pragma clang fp reassociate(on) contract(fast)
  double *count = acc.data, *shift = count + acc.plane, *s1 = shift + acc.plane,
         *s2 = s1 + acc.plane;
  if (acc.inner_stride == 0) {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      ptrdiff_t at = r * acc.row_stride;
      if (count[at] == 0) shift[at] = (double)ar[0];
      double k = shift[at], p = 0, q = 0;
      CK_ROW_LOOP(double d = v - k; p += d; q += d * d;)
      count[at] += (double)n;
      s1[at] += p;
      s2[at] += q;
    }
  } else if (acc.row_stride == 0 && A.inner_stride == 1) {
    if (rows > 0) {
      for (ptrdiff_t i = 0; i < n; i++)
        if (count[i] == 0) shift[i] = (double)A.data[i];
    }
    CK_BLOCKS(double k[CK_BLOCK]; double p[CK_BLOCK]; double q[CK_BLOCK];
              CK_EACH { k[i] = shift[i0 + i]; p[i] = 0; q[i] = 0; }
              CK_ROWS CK_EACH { double d = (double)ar[i] - k[i]; p[i] += d; q[i] += d * d; }
              CK_END CK_EACH { count[i0 + i] += (double)rows; s1[i0 + i] += p[i]; s2[i0 + i] += q[i]; })
  } else {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t at = r * acc.row_stride + i;
        double v = AT(A, ar, i);
        if (count[at] == 0) shift[at] = v;
        double d = v - shift[at];
        count[at] += 1;
        s1[at] += d;
        s2[at] += d * d;
      }
    }
  }
}

/* NaN is kept, as in the element-wise operations. */
CK_CLONES void ck_accumulate_extreme(ck_accumulator acc, ck_operand A, int largest, ptrdiff_t rows,
                                     ptrdiff_t n) {
  double sign = largest ? 1 : -1;
  for (ptrdiff_t r = 0; r < rows; r++) {
    const float *ar = A.data + r * A.row_stride;
    double *z = acc.data + r * acc.row_stride;
    for (ptrdiff_t i = 0; i < n; i++) {
      double v = AT(A, ar, i), *at = z + i * acc.inner_stride;
      if (v != v || sign * v > sign * *at) *at = *at != *at ? *at : v;
    }
  }
}
